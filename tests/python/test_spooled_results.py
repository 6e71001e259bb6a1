"""Results in the spool (`pintail.results = 'spool'`): fetched again, and continued behind any batch, on any node, with the same
bytes, whatever their statement would give if it were run again."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from cluster import EXPECTED, Cluster
from flight_sql import Session
from marked_reader import MarkedReader
from pintail_process import wait_until
from test_cluster_temporary import Client, why

FAILURES = (flight.FlightError, pa.ArrowException)

# Rows that are others each time, in some 90 MB: several files, of several batches each.
UNREPEATABLE = "SELECT i, random() AS r, uuid() AS u FROM range(3000000) t(i)"


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def cluster(postgres, spool):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0, arguments=("--spool", str(spool)))
    yield cluster
    cluster.close(expected=(*EXPECTED, "spool"))


@pytest.fixture
def client(cluster):
    client = Client(cluster)
    client.session.set_option("pintail.results", "spool")
    yield client
    client.close()


def whole(client, ticket):
    """The mark of the last batch of a result, read at once."""
    reader = MarkedReader(ticket, client.session.header)
    reader.open(client.session.uri)
    reader.read()
    return reader.mark, reader.rows


def files(spool):
    return list(spool.rglob("*.snapshot"))


def test_a_result_that_no_run_gives_again_goes_on_at_another_node(cluster, client):
    ticket = client.session.info(UNREPEATABLE).endpoints[0].ticket
    mark, rows = whole(client, ticket)
    assert rows == 3_000_000 and whole(client, ticket)[0] == mark
    reader = MarkedReader(ticket, client.session.header)
    for batches in (1, 2, 5, 1):
        reader.open(client.session.uri)
        assert not reader.read(batches)
        reader.forget()
        client.move()
    reader.open(client.session.uri)
    reader.read()
    assert (reader.mark, reader.rows) == (mark, rows)
    assert not [what for what in why(cluster, client.name) if what.startswith("pintail")]


def test_a_result_in_parts_and_one_without_rows(cluster, client):
    client.session.set_option("pintail.endpoints", "3")
    info = client.session.info("SELECT i, random() AS r FROM range(1000000) t(i)")
    assert len(info.endpoints) == 3 and info.total_records == 1_000_000
    empty = client.session.info("SELECT i FROM range(0) t(i)").endpoints[0].ticket
    client.move()
    parts = [client.session.client.do_get(endpoint.ticket, client.session.options).read_all() for endpoint in info.endpoints]
    assert pa.concat_tables(parts).column("i").to_pylist() == list(range(1_000_000))
    assert client.session.client.do_get(empty, client.session.options).read_all().schema.names == ["i"]


def test_prepared_statements_with_parameters_and_every_type_are_spooled_too(client):
    with client.session.prepared("SELECT ?::INTEGER + i AS i, random() AS r FROM range(10) t(i)") as prepared:
        prepared.bind(pa.table({"1": pa.array([5], pa.int32())}))
        ticket = client.session.client.get_flight_info(prepared.query(), client.session.options).endpoints[0].ticket
    before = client.session.client.do_get(ticket, client.session.options).read_all()
    client.move()
    assert client.session.client.do_get(ticket, client.session.options).read_all() == before
    sql = """SELECT i::HUGEINT AS h, [i, NULL] AS l, {'a': i, 'b': 'x'} AS s, MAP {'k': i} AS m, 'größe' || i AS t,
             CASE i % 2 WHEN 0 THEN i END AS n, union_value(num := i)::UNION(num INTEGER, str VARCHAR) AS u,
             ['a', 'b'][1 + i % 2]::ENUM('a', 'b') AS e, i::DECIMAL(30, 5) AS d FROM range(1000) t(i)"""
    client.session.set_option("pintail.results", "verify")
    expected = client.session.table(sql)
    client.session.set_option("pintail.results", "spool")
    assert client.session.table(sql) == expected


@pytest.mark.parametrize("damage", ["a flipped bit", "cut off", "gone"])
def test_a_damaged_result_is_told_and_nothing_wrong_is_served(client, spool, damage):
    ticket = client.session.info(UNREPEATABLE).endpoints[0].ticket
    mark, rows = whole(client, ticket)
    largest = sorted(files(spool), key=lambda path: path.stat().st_size)[-1]
    contents = largest.read_bytes()
    if damage == "gone":
        largest.unlink()
    else:
        largest.write_bytes(contents[:-1] if damage == "cut off" else contents[:5000] + bytes([contents[5000] ^ 1]) + contents[5001:])
    with pytest.raises(FAILURES, match=r"\[58030\]"):
        whole(client, ticket)
    largest.write_bytes(contents)
    assert whole(client, ticket) == (mark, rows)


def test_the_spool_holds_the_newest_results_and_none_of_an_ended_session(cluster, client, spool):
    first = client.session.info("SELECT 1 AS i").endpoints[0].ticket
    for number in range(64):
        last = client.session.info(f"SELECT {number} AS i").endpoints[0].ticket
    wait_until(lambda: len(files(spool)) == 2 * 64, "the end of the oldest result")
    with pytest.raises(FAILURES, match=r"\[24000\]"):
        client.session.client.do_get(first, client.session.options).read_all()
    client.move()
    assert client.session.client.do_get(last, client.session.options).read_all().column("i").to_pylist() == [63]
    client.session.info("SELECT 65 AS i")
    assert len(files(spool)) == 2 * 64, "the next node knows which there are"
    # What fails leaves nothing behind.
    with pytest.raises(FAILURES, match="Could not convert"):
        client.session.info("SELECT CASE WHEN i = 2999999 THEN 'x'::INTEGER ELSE i END AS i, uuid() FROM range(3000000) t(i)")
    wait_until(lambda: len(files(spool)) == 2 * 64, "the end of what was written of a failed statement")
    client.session.close()
    client.session = Session(cluster.nodes[0])
    wait_until(lambda: not files(spool), "the end of the session's results")


def test_a_full_spool_is_told(client, spool):
    client.session.table("SELECT 1 AS i")
    session, = spool.iterdir()
    aside = spool.with_name("aside")
    session.rename(aside)
    session.write_text("no directory")
    with pytest.raises(FAILURES, match=r"\[58030\]"):
        client.session.table("SELECT 2 AS i")
    session.unlink()
    aside.rename(session)
    assert client.session.value("SELECT 3 AS i") == 3


def test_a_node_without_a_spool_refuses_and_a_single_server_has_one(postgres, start):
    cluster = Cluster(postgres.new_database(), nodes=1, lease=1.0)
    try:
        with Session(cluster.nodes[0]) as session:
            assert session.set_options(**{"pintail.results": "spool"}) == {"pintail.results": 2}
            assert session.get_options()["pintail.results"] == "verify"
    finally:
        cluster.close()
    server = start()
    session = Session(server)
    session.set_option("pintail.results", "spool")
    ticket = session.info(UNREPEATABLE).endpoints[0].ticket
    reader = MarkedReader(ticket, session.header)
    reader.open(server.uri)
    reader.read(2)
    server.kill()
    server.start()
    reader.open(server.uri)
    reader.read()
    assert reader.rows == 3_000_000
    with Session(server, header=session.header) as again:
        assert again.get_options()["pintail.results"] == "spool"
