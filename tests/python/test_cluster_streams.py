"""Results that go on at the exact batch on another node when theirs is killed."""

import contextlib
import time

import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet as parquet
import pytest

from cluster import EXPECTED, Cluster, seeded
from cluster_clients import PATIENCE
from flight_sql import Session
from marked_reader import MarkedReader

ROWS = 8_000_000


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A table in several files, whose rows stand in no order that anybody asks for."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(8):
        numbers = pa.array(range(number, 2_000_000, 8), pa.int32())
        parquet.write_table(pa.table({"i": numbers, "text": [f"text number {n}" * 5 for n in numbers.to_pylist()]}),
                            folder / f"{number}.parquet", row_group_size=50_000)
    return folder


@pytest.fixture
def cluster(postgres, files, tmp_path):
    arguments = ("--allow-files", str(files), "--spool", str(tmp_path / "spool"))
    cluster = Cluster(postgres.new_database(), lease=1.0, arguments=arguments)
    yield cluster
    cluster.close(expected=(*EXPECTED, "spool"))


def read_undisturbed(cluster, ticket, header):
    whole = MarkedReader(ticket, header)
    whole.open(cluster.nodes[0].uri)
    assert whole.read()
    return whole


def test_a_result_goes_on_at_the_exact_batch_after_kills_at_random_moments(cluster, files, request):
    chance = seeded(request)
    kills, of_each = (1000, 10) if request.config.getoption("--long") else (30, 3)
    wide = f"SELECT i, hash(i) AS h, repeat(chr(65 + (i % 26)::INTEGER), 100) AS wide FROM range({ROWS}) t(i)"
    stored = f"SELECT * FROM read_parquet('{files}/*.parquet')"
    results = [(wide, {"compression": "none"}), (stored, {}), (wide, {"compression": "lz4"}),
               (stored, {"compression": "none", "ordered": "false", "results": "spool"})]
    waits, killed, streams = [], 0, 0
    with Session(cluster.nodes[0]) as session:
        (name,) = cluster.sessions()
        # Which rows come first is not to depend on which thread is first.
        tickets = []
        for sql, options in results:
            for option, value in options.items():
                session.set_option(f"pintail.{option}", value)
            ticket = session.info(sql).endpoints[0].ticket
            tickets.append((ticket, read_undisturbed(cluster, ticket, session.header)))
        sizes = [whole.rows for _, whole in tickets]
        assert sizes == [ROWS, 2_000_000, ROWS, 2_000_000]
        while killed < kills:
            ticket, whole = tickets[streams % len(tickets)]
            moments = sorted(chance.randrange(whole.batches) for _ in range(of_each))
            reader, streams = MarkedReader(ticket, session.header), streams + 1
            reader.open(chance.choice(cluster.nodes).uri)
            for moment in moments:
                with contextlib.suppress(flight.FlightError, pa.ArrowException, OSError):
                    reader.read(max(moment - reader.batches, 0))
                owner = owner_of(cluster, name)
                owner.kill()
                killed += 1
                living = [node for node in cluster.nodes if node is not owner]
                over = goes_on(reader, living, waits, lambda owner=owner: cluster.owner(name) not in (None, owner))
                owner.start()
                if over:
                    break
            assert reader.is_over or finishes(reader, cluster.nodes)
            assert reader.read_so_far == whole.read_so_far, "not the result of an undisturbed run"
            print(f"{killed} kills in {streams} results")
    print(f"{killed} kills in {streams} results of up to {ROWS} rows: each is the same to the byte; the next batch came "
          f"after {sorted(waits)[len(waits) // 2]:.2f} s (median), {max(waits):.2f} s at most, with a lease of 1 s")


def owner_of(cluster, session):
    end = time.monotonic() + PATIENCE
    while (owner := cluster.owner(session)) is None or owner.process.poll() is not None:
        assert time.monotonic() < end, "nobody has the session"
        time.sleep(0.05)
    return owner


def goes_on(reader, nodes, waits, is_taken_over):
    """Reads what the dead node has sent, until another one goes on with it; whether the result is over by then."""
    while not (over := finishes(reader, nodes, 1, waits)) and not is_taken_over():
        pass
    return over


def finishes(reader, nodes, most=None, waits=()):
    """Reads on, from one node after the other, and notes how long it waited for one; whether the result is over."""
    begun, tries = time.monotonic(), 0
    while True:
        try:
            if reader.reader is None:
                reader.open(nodes[tries % len(nodes)].uri)
            over = reader.read(most)
            if tries and waits != ():
                waits.append(time.monotonic() - begun)
            return over
        except (flight.FlightError, pa.ArrowException, OSError) as error:
            assert not any(final in str(error) for final in ("Unauthenticated", "other rows")), error
            assert time.monotonic() < begun + PATIENCE, error
            reader.drop()
            tries += 1
            time.sleep(0.02)


@pytest.mark.parametrize("what", ["random rows", "rows in any order"])
def test_rows_that_are_others_on_another_node_are_told(cluster, files, what):
    with Session(cluster.nodes[0]) as session:
        (name,) = cluster.sessions()
        sql = f"SELECT i, uuid() AS u FROM range({ROWS}) t(i)"
        if what == "rows in any order":
            session.set_option("pintail.ordered", "false")
            sql = f"SELECT * FROM read_parquet('{files}/*.parquet')"
        ticket = session.info(sql).endpoints[0].ticket
        reader = MarkedReader(ticket, session.header)
        reader.open(cluster.nodes[0].uri)
        assert not reader.read(20)
        owner = owner_of(cluster, name)
        owner.kill()
        living = [node for node in cluster.nodes if node is not owner]
        # The end of what was under way comes first, or none of it.
        try:
            finishes(reader, living)
        except AssertionError as error:
            assert "other rows" in str(error)
        else:
            # They may have come in the same order after all: then they are the same, and no mark is another's.
            assert what == "rows in any order" and reader.rows == 2_000_000
        owner.start()
