"""How results are handed out: compressed, in several endpoints, at locations; by both kinds of client, in both engines."""

import concurrent.futures
import json

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from conftest import adbc_connection
from flight_sql import Session, field, query
from pintail_process import PASSWORD, USER

OPTION = "adbc.flight.sql.session.option.pintail."
FLIGHTS = "SELECT * FROM flights ORDER BY ALL"
# More than is kept in memory of a result that is split.
MANY = "SELECT i, 'row ' || i AS t FROM range(2000000) s(i)"


@pytest.fixture
def session(server):
    with Session(server) as session:
        yield session


def fetched(session, ticket):
    """The rows of a ticket, over a connection of its own."""
    with flight.FlightClient(session.uri, generic_options=[("grpc.use_local_subchannel_pool", 1)]) as client:
        return client.do_get(ticket, session.options).read_all()


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_rows_are_the_same_rows_to_every_client(server, session, compression):
    plain = session.table(FLIGHTS)
    nested = "SELECT [i, NULL] AS l, {'a': i::VARCHAR} AS s, NULL AS n, i::HUGEINT AS h FROM range(5000) t(i)"
    plain_nested = session.table(nested)
    session.set_option("pintail.compression", compression)
    assert session.table(FLIGHTS).equals(plain)
    assert session.table(nested).equals(plain_nested)
    with adbc_connection(server) as connection, connection.cursor() as cursor:
        connection.adbc_connection.set_options(**{OPTION + "compression": compression})
        cursor.execute(FLIGHTS)
        assert cursor.fetch_arrow_table().equals(plain)
        cursor.execute(nested)
        assert cursor.fetch_arrow_table().equals(plain_nested)
        assert "flights" in str(connection.adbc_get_objects().read_all())


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_uploads_are_read(session, compression):
    options = flight.FlightCallOptions(
        headers=[session.header], write_options=pa.ipc.IpcWriteOptions(compression=compression))
    batch = pa.record_batch([pa.array(range(100_000)), pa.array(["again"] * 100_000)], names=["1", "2"])
    sql = query("SELECT CAST($1 AS BIGINT) AS i, CAST($2 AS VARCHAR) AS t")
    writer, reader = session.client.do_exchange(sql, options)
    with writer:
        writer.begin(batch.schema)
        writer.write_batch(batch.slice(0, 3))
        writer.done_writing()
        assert reader.read_all().to_pylist() == [{"i": i, "t": "again"} for i in range(3)]
    echo, reader = session.client.do_exchange(flight.FlightDescriptor.for_command(b""), options)
    with echo:
        echo.begin(batch.schema)
        echo.write_batch(batch)
        echo.done_writing()
        assert reader.read_all().equals(pa.Table.from_batches([batch]))


def test_endpoints_are_the_result_in_order_whoever_fetches_them_and_in_whichever_order(session):
    whole = session.table(MANY)
    session.set_option("pintail.endpoints", "8")
    info = session.info(MANY)
    assert (len(info.endpoints), info.ordered, info.total_records) == (8, True, whole.num_rows)
    tickets = [endpoint.ticket for endpoint in info.endpoints]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda ticket: fetched(session, ticket), tickets))
    assert all(part.num_rows for part in parts)
    assert pa.concat_tables(parts).equals(whole)
    for number in [7, 0, 7]:
        assert fetched(session, tickets[number]).equals(parts[number])
    assert len(session.info("SELECT 1").endpoints) == 1
    assert session.table("SELECT * FROM flights WHERE false").num_rows == 0


def test_rows_come_in_any_order_where_that_is_asked_for(server, session):
    session.update("CREATE TEMP TABLE many AS SELECT i, 'row ' || i AS t FROM range(1000000) s(i)")
    many, sorted_by = "FROM many", "FROM many ORDER BY i DESC"
    ordered, descending = session.table(many), session.table(sorted_by)
    assert ordered["i"].to_pylist() == list(range(1_000_000))
    for value in ["false", False]:
        session.set_option("pintail.ordered", value)
        assert session.table(many).sort_by("i").equals(ordered)
        assert session.table(sorted_by).equals(descending), "it says itself in which order"
    assert session.get_options()["pintail.ordered"] == "false"
    assert session.set_options(**{"pintail.ordered": "sometimes"}) != {}
    session.set_option("pintail.ordered", None)
    assert session.table(many).equals(ordered)
    with adbc_connection(server) as connection, connection.cursor() as cursor:
        connection.adbc_connection.set_options(**{OPTION + "ordered": "false"})
        cursor.execute("CREATE TEMP TABLE many AS SELECT i, 'row ' || i AS t FROM range(1000000) s(i)")
        cursor.execute(many)
        assert cursor.fetch_arrow_table().sort_by("i").equals(ordered)


@pytest.mark.parametrize("engine", ["duckdb", "datafusion"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_adbc_fetches_endpoints_in_parallel_and_gives_their_rows_in_order(server, engine, compression):
    with adbc_connection(server, autocommit=True) as connection, connection.cursor() as cursor:
        options = {"engine": engine, "endpoints": "16", "compression": compression}
        connection.adbc_connection.set_options(**{OPTION + name: value for name, value in options.items()})
        many = "SELECT i, 'row ' || i AS t FROM range(2000000) s(i)" if engine == "duckdb" else \
            "SELECT value AS i, 'row ' || value AS t FROM range(2000000)"
        cursor.execute(many + " ORDER BY i")
        assert cursor.rowcount == 2_000_000
        table = cursor.fetch_arrow_table()
        assert table["i"].to_pylist() == list(range(2_000_000))
        assert table["t"][1_999_999].as_py() == "row 1999999"
        cursor.execute("SELECT CAST(? AS BIGINT) AS n", (7,))
        assert cursor.fetchall() == [(7,)]


def test_an_endpoint_at_this_nodes_own_location_is_fetched_there(server, session):
    session.set_option("pintail.locations", "self")
    endpoint, = session.info("SELECT 42 AS n").endpoints
    assert [location.uri.decode() for location in endpoint.locations] == [server.uri]
    with flight.FlightClient(endpoint.locations[0]) as client:
        assert client.do_get(endpoint.ticket, session.options).read_all()["n"].to_pylist() == [42]
    with adbc_connection(server) as connection, connection.cursor() as cursor:
        connection.adbc_connection.set_options(**{OPTION + "locations": "self", OPTION + "endpoints": "4"})
        cursor.execute("SELECT i FROM range(500000) t(i)")
        assert cursor.fetch_arrow_table()["i"].to_pylist() == list(range(500_000))


def test_the_trace_of_a_client_is_told_with_the_query(session):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    header = (b"traceparent", f"00-{trace}-00f067aa0ba902b7-01".encode())
    options = flight.FlightCallOptions(headers=[session.header, header])
    told = json.loads(session.client.get_flight_info(query("SELECT 1"), options).app_metadata)
    assert told["trace_id"] == trace and len(told["query_id"]) == 36
    assert "trace_id" not in json.loads(session.info("SELECT 1").app_metadata)


class ByMessage(flight.ClientAuthHandler):
    """Credentials in the messages of the handshake, as pyarrow's older way to authenticate has them."""

    token = b""

    def authenticate(self, outgoing, incoming):
        outgoing.write(field(2, USER) + field(3, PASSWORD))
        self.token = incoming.read()

    def get_token(self):
        return self.token


def test_a_handshake_by_message_gives_a_session_too(server):
    with flight.FlightClient(server.uri, generic_options=[("grpc.use_local_subchannel_pool", 1)]) as client:
        client.authenticate(ByMessage())
        client.do_action(flight.Action("GetSessionOptions", b""))
        for _ in range(2):
            info = client.get_flight_info(query("SELECT 6 * 7 AS n"))
            assert client.do_get(info.endpoints[0].ticket).read_all()["n"].to_pylist() == [42]
        list(client.do_action(flight.Action("CloseSession", b"")))
