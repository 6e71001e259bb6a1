"""Where the rows of a bulk ingest by the released ADBC driver come from, and where they go."""

import decimal

import adbc_driver_manager
import pandas
import pyarrow as pa
import pytest

from conftest import adbc_connection
from drivers import capability

DRIVER = "ADBC Python"
MIB = 1 << 20
NUMBERS = pa.table({"i": pa.array([1, 2], pa.int32())})


@pytest.fixture
def session(server):
    with adbc_connection(server, autocommit=True) as connection:
        yield connection


def ingest(connection, table, data, **options):
    with connection.cursor() as cursor:
        return cursor.adbc_ingest(table, data, **options)


def rows(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


@capability(DRIVER, "ingest: table", "ingest: stream")
@pytest.mark.parametrize("made", [
    lambda: NUMBERS,
    lambda: NUMBERS.to_batches()[0],
    lambda: NUMBERS.to_reader(),
    lambda: pa.RecordBatchReader.from_batches(NUMBERS.schema, [NUMBERS.slice(0, 1).to_batches()[0],
                                                               NUMBERS.slice(1, 1).to_batches()[0]]),
], ids=["table", "batch", "reader", "reader of two batches"])
def test_rows_are_taken_from_whatever_holds_arrow_data(session, made):
    assert ingest(session, "taken", made(), mode="replace") == 2
    assert rows(session, "SELECT i FROM taken ORDER BY i") == [(1,), (2,)]


@capability(DRIVER, "ingest: pandas")
def test_a_data_frame_becomes_a_table_and_comes_back(session):
    frame = pandas.DataFrame({
        "i": [1, 2], "t": ["a", None], "moment": pandas.to_datetime(["2013-01-01 00:00:00", "2014-06-07 08:09:10"]),
        "instant": pandas.to_datetime(["2013-01-01", "2014-01-01"], utc=True), "kind": pandas.Categorical(["x", "y"]),
        "f": [1.5, None], "n": pandas.array([1, None], dtype="Int64"), "b": [True, False],
    })
    assert ingest(session, "framed", frame) == 2
    types = [kind for _, kind, *_ in rows(session, "DESCRIBE framed")]
    assert types == ["BIGINT", "VARCHAR", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "DOUBLE", "BIGINT", "BOOLEAN"]
    with session.cursor() as cursor:
        cursor.execute("SELECT * FROM framed")
        back = cursor.fetch_df()
    wanted = frame.astype({"kind": back["kind"].dtype, "n": back["n"].dtype})
    pandas.testing.assert_frame_equal(back, wanted, check_dtype=False)


@capability(DRIVER, "ingest: empty stream")
def test_an_empty_stream_appends_nothing(session):
    ingest(session, "filled", NUMBERS, mode="replace")
    assert ingest(session, "filled", pa.RecordBatchReader.from_batches(NUMBERS.schema, []), mode="append") == 0
    assert rows(session, "SELECT count(*) FROM filled") == [(2,)]


@capability(DRIVER, "ingest: temporary table")
def test_a_temporary_table_is_its_sessions_own(server, session):
    assert ingest(session, "passing", NUMBERS, temporary=True) == 2
    assert rows(session, "SELECT table_catalog FROM information_schema.tables WHERE table_name = 'passing'") == [("temp",)]
    assert ingest(session, "passing", NUMBERS, mode="append", temporary=True) == 2
    assert rows(session, "SELECT count(*) FROM passing") == [(4,)]
    with adbc_connection(server, autocommit=True) as other, pytest.raises(adbc_driver_manager.Error, match="42P01"):
        rows(other, "SELECT * FROM passing")


@capability(DRIVER, "ingest: catalog and schema")
def test_a_table_is_made_in_the_catalog_and_schema_that_are_named(session):
    with session.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS far")
    ingest(session, "placed", NUMBERS, db_schema_name="far")
    ingest(session, "placed", NUMBERS, catalog_name="pintail", db_schema_name="far", mode="append")
    assert rows(session, "SELECT count(*) FROM far.placed") == [(4,)]
    ingest(session, "placed", NUMBERS, catalog_name="pintail")
    assert rows(session, "SELECT count(*) FROM pintail.main.placed") == [(2,)]
    for place, sqlstate in [({"catalog_name": "nowhere"}, "3D000"), ({"db_schema_name": "nowhere"}, "3F000")]:
        with pytest.raises(adbc_driver_manager.ProgrammingError, match=sqlstate):
            ingest(session, "placed", NUMBERS, **place)


@capability(DRIVER, "ingest: table")
def test_names_are_taken_as_they_are(session):
    data = pa.table({'a"b': [1], "select": [2], "ü 🦆": [3], "A": [4]})
    ingest(session, 'we"ird % table', data)
    with session.cursor() as cursor:
        cursor.execute('SELECT * FROM "we""ird % table"')
        assert cursor.fetch_arrow_table().to_pylist() == data.to_pylist()


@capability(DRIVER, "ingest: stream that breaks")
@pytest.mark.parametrize("mode", ["append", "replace", "create_append"])
def test_a_stream_that_breaks_leaves_the_table_as_it_was(session, mode):
    ingest(session, "whole", NUMBERS, mode="replace")

    def broken():
        # More than one message, so that some of it has reached the server.
        for _ in range(5):
            yield pa.record_batch({"i": pa.array(range(100_000), pa.int32())})
        raise RuntimeError("the source of the rows failed")

    with pytest.raises(adbc_driver_manager.Error, match="the source of the rows failed"):
        ingest(session, "whole", pa.RecordBatchReader.from_batches(NUMBERS.schema, broken()), mode=mode)
    assert rows(session, "SELECT count(*) FROM whole") == [(2,)]


@capability(DRIVER, "ingest: rolled back with its transaction", "ingest: stream that breaks")
def test_an_ingest_is_part_of_its_transaction_and_one_that_breaks_fails_it(server):
    def broken(messages):
        for _ in range(messages):
            yield pa.record_batch({"i": pa.array(range(1_000_000), pa.int32())})
        raise RuntimeError("the source of the rows failed")

    with adbc_connection(server) as connection:
        ingest(connection, "settled", NUMBERS)
        connection.rollback()
        with pytest.raises(adbc_driver_manager.Error, match="42P01"):
            rows(connection, "SELECT * FROM settled")
        connection.rollback()
        ingest(connection, "settled", NUMBERS)
        connection.commit()
        ingest(connection, "settled", NUMBERS, mode="append")
        # After ten messages, unlike after one, some of the rows have been written already.
        for messages in (1, 10):
            with pytest.raises(adbc_driver_manager.Error, match="the source of the rows failed"):
                reader = pa.RecordBatchReader.from_batches(NUMBERS.schema, broken(messages))
                ingest(connection, "settled", reader, mode="append")
            if messages > 1:
                with pytest.raises(adbc_driver_manager.Error, match="25P02"):
                    rows(connection, "SELECT 1")
            connection.rollback()
            assert rows(connection, "SELECT count(*) FROM settled") == [(2,)]


@capability(DRIVER, "ingest: large, in bounded memory")
def test_a_large_ingest_costs_the_server_little_memory(start):
    # What DuckDB itself keeps of a table is bounded by its limit; the rest is the way of the rows to it.
    server = start("--memory-limit", "128MB")
    batch = pa.record_batch({"n": pa.array(range(65_536)), "text": [f"{n:0100}" for n in range(65_536)]})
    most = 0

    def batches():
        nonlocal most
        for _ in range(150):
            most = max(most, server.rss())
            yield batch

    with adbc_connection(server, autocommit=True) as connection:
        ingest(connection, "warm", batch)
        idle = server.rss()
        assert ingest(connection, "large", pa.RecordBatchReader.from_batches(batch.schema, batches())) == 150 * 65_536
        assert rows(connection, "SELECT count(*), max(n) FROM large") == [(150 * 65_536, 65_535)]
    assert 150 * batch.nbytes > 1000 * MIB
    print(f"the server grew by {(most - idle) / MIB:.0f} MiB from {idle / MIB:.0f} MiB")
    assert most - idle < 300 * MIB


@capability(DRIVER, "ingest: append")
def test_a_number_that_was_read_can_be_ingested_again(session):
    with session.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE wide (v UHUGEINT)")
    assert ingest(session, "wide", pa.table({"v": pa.array([decimal.Decimal(5)], pa.decimal256(39, 0))}), mode="append") == 1
