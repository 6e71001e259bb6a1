"""DoExchange and ListFlights by pyarrow.flight: parameters in and rows out on one stream, and the tables there are."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from drivers import capability
from flight_sql import Session, query


@pytest.fixture
def session(server):
    with Session(server) as session:
        yield session


def exchange(session, descriptor, batches):
    """What comes back for these batches, all of them sent before anything is read."""
    writer, reader = session.client.do_exchange(descriptor, session.options)
    with writer:
        if batches:
            writer.begin(batches[0].schema)
            for batch in batches:
                writer.write_batch(batch)
        writer.done_writing()
        return reader.read_all()


def parameters(**columns):
    return pa.record_batch(columns)


def test_an_empty_command_sends_back_what_comes(session):
    batches = [pa.record_batch({"i": [1, 2, None], "s": ["a", None, "c"]}), pa.record_batch({"i": [3], "s": ["d"]})]
    assert exchange(session, flight.FlightDescriptor.for_command(b""), batches).equals(pa.Table.from_batches(batches))


@capability("pyarrow.flight", "exchange: parameters in, rows out")
def test_a_query_runs_once_for_each_row_of_parameters_in_their_order(session):
    sql = query("SELECT CAST($1 AS BIGINT) * 10 AS n, CAST($2 AS VARCHAR) || '!' AS s")
    batches = [pa.record_batch([pa.array([1, 2]), pa.array(["a", "b"])], names=["1", "2"]),
               pa.record_batch([pa.array([3]), pa.array([None], pa.string())], names=["1", "2"])]
    assert exchange(session, sql, batches).to_pylist() == [
        {"n": 10, "s": "a!"}, {"n": 20, "s": "b!"}, {"n": 30, "s": None}]


def test_a_query_without_parameters_needs_none(session):
    assert exchange(session, query("SELECT 6 * 7 AS n"), []).to_pylist() == [{"n": 42}]


@capability("pyarrow.flight", "exchange: parameters in, rows out")
def test_a_prepared_query_is_run_too(session):
    with session.prepared("SELECT count(*) AS n FROM flights WHERE month = ?") as statement:
        found = exchange(session, statement.query(), [parameters(m=[1, 2])])
    assert found["n"].to_pylist() == [27004, 24951]


@pytest.mark.parametrize("batches, said", [
    ([], "1 parameters and was given 0"),
    ([pa.record_batch([pa.array([1]), pa.array([2])], names=["1", "2"])], "1 parameters and was given 2"),
])
def test_the_wrong_number_of_parameters_is_refused(session, batches, said):
    with pytest.raises(pa.ArrowInvalid, match=said):
        exchange(session, query("SELECT CAST(? AS INTEGER) AS n"), batches)
    assert session.value("SELECT 42") == 42


@capability("pyarrow.flight", "exchange: parameters in, rows out")
def test_no_row_of_parameters_gives_no_row(session):
    empty = pa.record_batch([pa.array([], pa.int64())], names=["1"])
    table = exchange(session, query("SELECT CAST($1 AS BIGINT) AS n"), [empty])
    assert table.num_rows == 0 and table.schema.names == ["n"]


@capability("pyarrow.flight", "metadata: tables as flights")
def test_the_tables_there_are_can_be_listed_and_fetched(session):
    session.table('CREATE OR REPLACE TABLE "a ""quoted"" one" AS SELECT 1 AS i, NULL::DECIMAL(9,2) AS d')
    listed = {}
    for info in session.client.list_flights(options=session.options):
        reader = session.client.do_get(info.endpoints[0].ticket, session.options)
        assert reader.schema.equals(info.schema, check_metadata=True)
        listed[info.descriptor.command] = reader
    commands = b" ".join(listed)
    assert b'"flights"' in commands and b'"airlines"' in commands and b'"a ""quoted"" one"' in commands
    airports, = session.client.list_flights(b"airport_", session.options)
    assert b'"airports"' in airports.descriptor.command
    assert not list(session.client.list_flights(b"no such table", session.options))
    with pytest.raises(pa.ArrowInvalid, match="no text"):
        list(session.client.list_flights(b"\xff\xfe", session.options))
