"""Results that go on behind the last batch that came, and those that can't."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from flight_sql import Session
from marked_reader import RESUME, MarkedReader
from pintail_process import wait_until
from wire import Wire

LARGE = "SELECT i, hash(i) AS h, CASE WHEN i % 3 = 0 THEN NULL ELSE repeat('x', (i % 90)::INTEGER) END AS t FROM range(300_000) t(i)"


def reader_of(session, sql):
    return MarkedReader(session.info(sql).endpoints[0].ticket, session.header)


def resumed(session, ticket, mark):
    """All that follows a mark."""
    options = flight.FlightCallOptions(headers=[session.header, (RESUME, mark)])
    return session.client.do_get(ticket, options).read_all()


@pytest.mark.parametrize("engine", ["duckdb", "datafusion"])
@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_a_result_goes_on_behind_every_batch(start, engine, compression):
    sql = {"duckdb": LARGE, "datafusion": "SELECT value AS i, value * 7 AS h FROM generate_series(0, 299999) ORDER BY value"}[engine]
    with Session(start("--engine", engine)) as session:
        session.set_option("pintail.compression", compression)
        whole = reader_of(session, sql)
        whole.open(session.uri)
        assert whole.read() and whole.rows == 300_000 and whole.batches > 2
        broken = reader_of(session, sql)
        for number in range(1, whole.batches + 1):
            broken.open(session.uri)
            assert broken.read(1) is False and broken.batches == number
        broken.open(session.uri)
        assert broken.read() is True, "behind the last batch there is nothing, and that is no error"
        assert (broken.mark, broken.rows) == (whole.mark, whole.rows)


def test_a_prepared_statement_with_parameters_goes_on_too(server):
    with Session(server) as session, session.prepared("SELECT i FROM range(?::BIGINT) t(i)") as statement:
        statement.bind(pa.table({"0": pa.array([500_000])}))
        ticket = session.client.get_flight_info(statement.query(), session.options).endpoints[0].ticket
        reader = MarkedReader(ticket, session.header)
        reader.open(session.uri)
        reader.read(2)
        reader.open(session.uri)
        assert reader.read() and reader.rows == 500_000


@pytest.mark.parametrize("mark", [b"", b"1", b"one;0000000000000000", b"0;0000000000000000", b"1;0", b"-1;0000000000000000"])
def test_what_is_no_mark_is_refused(server, mark):
    with Session(server) as session:
        ticket = session.info(LARGE).endpoints[0].ticket
        with pytest.raises(pa.ArrowInvalid, match="metadata of the last batch"):
            resumed(session, ticket, mark)


def test_a_mark_of_something_else_gives_nothing(server):
    with Session(server) as session:
        ticket = session.info(LARGE).endpoints[0].ticket
        whole = MarkedReader(ticket, session.header)
        whole.open(session.uri)
        whole.read()
        other = reader_of(session, "SELECT i + 1 AS h, i FROM range(300_000) t(i)")
        other.open(session.uri)
        other.read(1)
        beyond = str(whole.batches + 1).encode() + whole.mark[whole.mark.index(b";"):]
        for mark in (b"1;0000000000000000", b"2;ffffffffffffffff", beyond, b"9999;0123456789abcdef", other.mark):
            with pytest.raises(flight.FlightError, match="40001.*other rows"):
                resumed(session, ticket, mark)
        assert session.value("SELECT 42") == 42


def test_a_result_that_changed_is_not_gone_on_with(server):
    with Session(server) as session:
        session.update("CREATE OR REPLACE TABLE changing AS FROM range(300_000) t(i)")
        reader = reader_of(session, "SELECT i FROM changing")
        reader.open(session.uri)
        reader.read(1)
        session.update("INSERT INTO changing VALUES (-1)")
        # Nothing that the client has is another.
        assert resumed(session, reader.ticket, reader.mark)["i"].to_pylist() == [*range(reader.rows, 300_000), -1]
        session.update("UPDATE changing SET i = -2 WHERE i = 17")
        with pytest.raises(flight.FlightError, match="40001.*other rows"):
            resumed(session, reader.ticket, reader.mark)
        session.update("DROP TABLE changing")


def test_values_below_null_are_not_part_of_what_is_compared(server):
    with Session(server) as session:
        session.update("CREATE OR REPLACE TABLE holes AS SELECT i, CASE WHEN i % 2 = 0 THEN hash(i) END AS h, "
                       "CASE WHEN i % 5 > 0 THEN [i, NULL, i + 1] END AS l, CASE WHEN i % 7 > 1 THEN {'a': i::VARCHAR} END AS s "
                       "FROM range(400_000) t(i)")
        sql = ("SELECT i, h + 1 AS h, l, s, nullif(i % 3, 1)::INTEGER AS n, CASE WHEN i % 2 = 0 THEN repeat('y', 20) END AS t, "
               "CASE WHEN i % 11 = 0 THEN i::DECIMAL(30, 2) END AS d, (i % 2 = 0) AND h IS NOT NULL AS b FROM holes")
        whole = reader_of(session, sql)
        whole.open(session.uri)
        whole.read()
        for _ in range(5):
            again = reader_of(session, sql)
            while again.batches < whole.batches:
                again.open(session.uri)
                again.read(1)
            assert again.mark == whole.mark
        session.update("DROP TABLE holes")


# Other rows each time it is run: only a result that waits can go on.
CHANGING = "SELECT i, random() AS r, repeat('x', 200) AS wide FROM range(2_000_000) t(i)"


@pytest.fixture
def wire(server):
    wire = Wire("127.0.0.1", int(server.uri.rsplit(":", 1)[1]))
    yield wire
    wire.close()


def begun_over(wire, session, resumable=True):
    """A result of which a client has read the beginning, over a wire."""
    reader = MarkedReader(session.info(CHANGING).endpoints[0].ticket, session.header, resumable)
    reader.open(f"grpc://127.0.0.1:{wire.port}")
    reader.read(3)
    return reader


def test_a_result_whose_connection_broke_waits_for_its_client(server, wire):
    with Session(server) as session:
        reader = begun_over(wire, session)
        wire.close()
        reader.open(session.uri)
        assert reader.read() and reader.rows == 2_000_000
        wait_until(lambda: not server.busy(), "the end of the statement")


def test_a_result_goes_on_before_anybody_notices_that_its_connection_is_dead(server, wire):
    with Session(server) as session:
        reader = begun_over(wire, session)
        wire.cut()
        reader.forget()
        reader.open(session.uri)
        assert reader.read() and reader.rows == 2_000_000


def test_a_result_goes_on_as_often_as_it_breaks(server):
    with Session(server) as session:
        reader = MarkedReader(session.info(CHANGING).endpoints[0].ticket, session.header, resumable=True)
        # The last breaks are when the server has sent all of it.
        while not reader.is_over:
            wire = Wire("127.0.0.1", int(server.uri.rsplit(":", 1)[1]))
            reader.open(f"grpc://127.0.0.1:{wire.port}")
            reader.read(9)
            wire.close()
        assert reader.rows == 2_000_000


class ReadToItsEnd:
    """A result whose client has all of it, and then loses what came behind the first batch."""

    def __init__(self, session, rows=100_000):
        self.uri = session.uri
        ticket = session.info(CHANGING.replace("2_000_000", str(rows))).endpoints[0].ticket
        self.reader = MarkedReader(ticket, session.header, resumable=True)
        self.reader.open(self.uri)
        self.reader.read(1)
        self.first = (self.reader.mark, self.reader.batches, self.reader.rows)
        self.reader.read()
        self.end = self.reader.mark
        assert self.reader.rows == rows

    def comes_again(self):
        """Whether the rest is there once more; if not, the result would have to be run again."""
        self.reader.mark, self.reader.batches, self.reader.rows = self.first
        self.reader.open(self.uri)
        try:
            return self.reader.read() and self.reader.mark == self.end
        except flight.FlightError as error:
            assert "other rows" in str(error), error
            return False


def test_the_end_of_a_result_can_be_had_again_for_a_time(start):
    with Session(start("--stream-grace", "1h")) as session:
        result = ReadToItsEnd(session)
        assert all(result.comes_again() for _ in range(3))


def test_the_end_of_a_result_is_forgotten_when_its_time_is_over(start):
    with Session(start("--stream-grace", "50ms")) as session:
        result = ReadToItsEnd(session)
        wait_until(lambda: not result.comes_again(), "that the result is forgotten")


def test_the_ends_of_many_results_take_so_much_memory_at_most(start):
    with Session(start("--stream-grace", "1h")) as session:
        # Each takes 22 MB.
        results = [ReadToItsEnd(session) for _ in range(4)]
        assert not results[0].comes_again(), "the oldest is forgotten"
        assert all(result.comes_again() for result in results[2:])


@pytest.mark.parametrize("why", ["its client does not come again", "its client gave it up", "it has waited for too long"])
def test_a_result_does_not_wait_when(start, why):
    server = start("--stream-grace", "50ms" if "too long" in why else "1h")
    wire = Wire("127.0.0.1", int(server.uri.rsplit(":", 1)[1]))
    with Session(server) as session:
        reader = begun_over(wire, session, resumable="does not come" not in why)
        if "gave it up" in why:
            reader.reader.cancel()
        wire.close()
        # The session's turn comes once the statement has ended; nothing is left of it.
        session.update("CREATE TABLE t AS SELECT 1")
        wait_until(lambda: changed(session, reader), "the end of the result")


def changed(session, reader):
    """Whether the result is gone, so that it would have to be run again."""
    reader.forget()
    try:
        reader.open(session.uri)
        reader.read(1)
    except flight.FlightError as error:
        assert "other rows" in str(error), error
        return True
    # It was still there; this is given up.
    reader.reader.cancel()
    return False


def test_what_was_sent_and_lost_is_sent_again_from_any_place_that_is_remembered(server, wire):
    with Session(server) as session:
        reader = begun_over(wire, session)
        first = (reader.mark, reader.batches, reader.rows)
        reader.read(3)
        later = reader.mark
        wire.close()
        reader.forget()
        reader.mark, reader.batches, reader.rows = first
        reader.open(session.uri)
        reader.read(3)
        assert reader.mark == later, "the same batches again"
        with pytest.raises(flight.FlightError, match="other rows"):
            resumed_holding(session, reader.ticket, b"2;0000000000000000")
        assert reader.read() and reader.rows == 2_000_000, "a mark of something else takes nothing over"


def resumed_holding(session, ticket, mark):
    headers = [session.header, (RESUME, mark), (b"x-pintail-resumable", b"1")]
    return session.client.do_get(ticket, flight.FlightCallOptions(headers=headers)).read_all()
