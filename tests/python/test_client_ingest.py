"""Rows that the Python client writes: of Arrow, pandas and polars, in every mode, all of them or none."""

import pandas
import polars
import pyarrow as pa
import pytest

import pintail
from client_connection import connect, value

PEOPLE = pa.table({"id": pa.array([1, 2, 3], pa.int32()), "name": ["Ada", None, "Grace"]})


@pytest.fixture
def connection(server):
    with connect(server, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS people")
        yield connection


def test_each_mode_does_what_it_says_and_counts_its_rows(connection):
    assert connection.ingest("people", PEOPLE) == 3
    with pytest.raises(pintail.ProgrammingError) as raised:
        connection.ingest("people", PEOPLE, mode="create")
    assert raised.value.sqlstate == "42P07"
    assert connection.ingest("people", PEOPLE, mode="append") == 3
    assert connection.execute("SELECT count(*), count(name) FROM people").fetchall() == [(6, 4)]
    assert connection.ingest("people", PEOPLE, mode="replace") == 3
    assert connection.ingest("people", PEOPLE, mode="create_append") == 3
    assert value(connection, "SELECT count(*) FROM people") == 6
    with pytest.raises(pintail.ProgrammingError) as raised:
        connection.ingest("nobody", PEOPLE, mode="append")
    assert raised.value.sqlstate == "42P01"


def sources():
    """The same rows, in all that they can be given as."""
    yield "table", PEOPLE
    yield "reader", PEOPLE.to_reader(max_chunksize=2)
    yield "batch", PEOPLE.to_batches()[0]
    yield "stream", Stream(PEOPLE)
    yield "pandas", pandas.DataFrame({"id": pandas.array([1, 2, 3], "int32"), "name": ["Ada", None, "Grace"]})


class Stream:
    """Anything that gives a stream of Arrow's."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_rows_are_taken_from_whatever_has_them(connection):
    for name, source in sources():
        assert connection.ingest("people", source, mode="replace") == 3, name
        found = connection.execute("SELECT id, name FROM people ORDER BY id").fetchall()
        assert found == [(1, "Ada"), (2, None), (3, "Grace")], name


def test_rows_are_taken_from_polars(connection):
    assert connection.ingest("people", polars.from_arrow(PEOPLE)) == 3
    assert connection.execute("SELECT * FROM people").fetch_polars()["id"].to_list() == [1, 2, 3]


def test_a_table_can_be_made_without_rows(connection):
    assert connection.ingest("people", PEOPLE.slice(0, 0)) == 0
    assert value(connection, "SELECT count(*) FROM people") == 0


def test_a_table_is_put_where_it_is_told(connection):
    connection.execute("CREATE SCHEMA IF NOT EXISTS elsewhere")
    catalog = value(connection, "SELECT current_database()")
    assert connection.ingest("people", PEOPLE, mode="replace", schema="elsewhere", catalog=catalog) == 3
    assert value(connection, "SELECT count(*) FROM elsewhere.people") == 3
    assert connection.ingest("mine", PEOPLE, temporary=True) == 3
    assert value(connection, "SELECT temporary FROM duckdb_tables() WHERE table_name = 'mine'") is True


def failing():
    """Rows of which some come, and then an error."""
    def batches():
        yield PEOPLE.to_batches()[0]
        raise RuntimeError("the source is broken")

    return pa.RecordBatchReader.from_batches(PEOPLE.schema, batches())


def test_rows_of_a_source_that_fails_are_not_written(connection):
    connection.ingest("people", PEOPLE)
    with pytest.raises(RuntimeError, match="the source is broken"):
        connection.ingest("people", failing(), mode="append")
    assert value(connection, "SELECT count(*) FROM people") == 3
    assert not connection.in_transaction


def test_a_source_that_fails_in_a_transaction_leaves_only_rolling_back(connection):
    connection.ingest("people", PEOPLE)
    connection.begin()
    with pytest.raises(RuntimeError, match="the source is broken"):
        connection.ingest("people", failing(), mode="append")
    for use in [connection.commit, lambda: connection.execute("SELECT 1")]:
        with pytest.raises(pintail.ProgrammingError, match="roll it back"):
            use()
    connection.rollback()
    assert value(connection, "SELECT count(*) FROM people") == 3


def test_rows_are_part_of_the_open_transaction(server, connection):
    connection.autocommit = False
    assert connection.ingest("people", PEOPLE.to_reader()) == 3
    assert connection.in_transaction
    connection.rollback()
    with connect(server) as other, pytest.raises(pintail.ProgrammingError):
        other.execute("SELECT * FROM people")


@pytest.mark.parametrize(("table", "data", "options", "message"), [
    ("", PEOPLE, {}, "name of a table"), ("t", PEOPLE, {"mode": "upsert"}, "no mode 'upsert'"),
    ("t", [1, 2], {}, "from a list"),
])
def test_what_can_not_be_ingested_is_refused(connection, table, data, options, message):
    with pytest.raises(pintail.ProgrammingError, match=message):
        connection.ingest(table, data, **options)


def test_an_engine_without_transactions_takes_rows_too(start):
    server = start("--engine", "datafusion")
    with connect(server) as connection:
        assert connection.ingest("people", PEOPLE) == 3
        assert connection.ingest("people", PEOPLE.to_reader(), mode="append") == 3
        with pytest.raises(RuntimeError):
            connection.ingest("people", failing(), mode="append")
        assert value(connection, "SELECT count(*) FROM people") == 6
        connection.commit()
