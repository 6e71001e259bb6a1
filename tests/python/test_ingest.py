"""Bulk ingest by the released ADBC driver: all rows or none, in every mode, on both engines."""

import datetime
import decimal

import adbc_driver_manager
import pyarrow as pa
import pytest

from conftest import adbc_connection
from drivers import capability
from pintail_process import Server


@pytest.fixture(scope="module", params=["duckdb", "datafusion"])
def ingesting(request):
    """A session of one engine; tables of DataFusion's belong to their session."""
    server = Server("--engine", request.param)
    with adbc_connection(server, autocommit=True) as connection:
        yield connection
    server.stop()


def rows(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def ingest(connection, table, data, **options):
    with connection.cursor() as cursor:
        return cursor.adbc_ingest(table, data, **options)


PEOPLE = pa.table({"id": pa.array([1, 2, 3], pa.int32()), "name": ["Ada", None, "Grace"]})


@capability("ADBC Python", "ingest: create", "ingest: append", "ingest: replace", "ingest: create or append")
def test_each_mode_does_what_it_says_and_counts_its_rows(ingesting):
    assert ingest(ingesting, "people", PEOPLE, mode="create") == 3
    with pytest.raises(adbc_driver_manager.Error, match="42P07"):
        ingest(ingesting, "people", PEOPLE, mode="create")
    assert ingest(ingesting, "people", PEOPLE, mode="append") == 3
    assert rows(ingesting, "SELECT count(*), count(name) FROM people") == [(6, 4)]
    assert ingest(ingesting, "people", PEOPLE, mode="replace") == 3
    assert ingest(ingesting, "people", PEOPLE, mode="create_append") == 3
    assert rows(ingesting, "SELECT count(*) FROM people") == [(6,)]
    with pytest.raises(adbc_driver_manager.Error, match="42P01"):
        ingest(ingesting, "nobody", PEOPLE, mode="append")
    assert ingest(ingesting, "somebody", PEOPLE, mode="create_append") == 3


def test_columns_are_found_by_name_and_missing_ones_are_null(ingesting):
    ingest(ingesting, "by_name", PEOPLE, mode="create")
    turned = pa.table({"name": ["Edsger"], "id": pa.array([4], pa.int32())})
    assert ingest(ingesting, "by_name", turned, mode="append") == 1
    assert ingest(ingesting, "by_name", pa.table({"id": pa.array([5], pa.int32())}), mode="append") == 1
    found = rows(ingesting, "SELECT id, name FROM by_name WHERE id > 3 ORDER BY id")
    assert found == [(4, "Edsger"), (5, None)]


def test_values_of_every_encoding_arrive_as_they_are(ingesting):
    data = pa.table({
        "dictionary": pa.array(["a", "b", None, "a"]).dictionary_encode(),
        "view": pa.array(["x", None, "a text longer than a view holds inline", ""], pa.string_view()),
        "large": pa.array([b"1", b"", None, b"\x00"], pa.large_binary()),
        "price": pa.array([decimal.Decimal("1.50"), None, decimal.Decimal("-0.01"), decimal.Decimal("99.99")]),
        "day": pa.array([datetime.date(2024, 2, 29), None, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
        "moment": pa.array([0, None, -1, 1_700_000_000_000_000], pa.timestamp("us", "Europe/Berlin")),
        "list": pa.array([[1, None], [], None, [3]], pa.large_list(pa.int64())),
        "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": None, "b": None}, {"a": 2, "b": ""}]),
    })
    assert ingest(ingesting, "every", data, mode="create") == 4
    with ingesting.cursor() as cursor:
        cursor.execute("SELECT * FROM every")
        found = cursor.fetch_arrow_table()
    for name in data.column_names:
        expected = data[name].cast(pa.string()) if name == "dictionary" else data[name]
        assert found[name].to_pylist() == expected.to_pylist(), name


@capability("ADBC Python", "ingest: stream that breaks")
def test_a_stream_that_breaks_leaves_nothing_behind(ingesting):
    def broken():
        yield PEOPLE.to_batches()[0]
        raise RuntimeError("the source of the rows failed")

    reader = pa.RecordBatchReader.from_batches(PEOPLE.schema, broken())
    with pytest.raises(Exception):
        ingest(ingesting, "broken", reader, mode="create")
    with pytest.raises(adbc_driver_manager.Error, match="42P01"):
        rows(ingesting, "SELECT * FROM broken")


def test_a_value_that_does_not_fit_leaves_nothing_behind(ingesting):
    ingest(ingesting, "narrow", pa.table({"n": pa.array([1], pa.int8())}), mode="create")
    with pytest.raises(adbc_driver_manager.Error, match="22003"):
        ingest(ingesting, "narrow", pa.table({"n": pa.array([2, 1000], pa.int32())}), mode="append")
    assert rows(ingesting, "SELECT n FROM narrow") == [(1,)]


def test_two_columns_of_one_name_are_refused(ingesting):
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(adbc_driver_manager.Error, match="42701"):
        ingest(ingesting, "twice", twice, mode="create")
    with pytest.raises(adbc_driver_manager.Error, match="42P01"):
        rows(ingesting, "SELECT * FROM twice")


@capability("ADBC Python", "ingest: rolled back with its transaction")
def test_an_ingest_belongs_to_the_transaction_that_is_open():
    server = Server()
    with adbc_connection(server) as connection:
        ingest(connection, "kept", PEOPLE, mode="create")
        connection.commit()
        ingest(connection, "kept", PEOPLE, mode="append")
        assert rows(connection, "SELECT count(*) FROM kept") == [(6,)]
        connection.rollback()
        assert rows(connection, "SELECT count(*) FROM kept") == [(3,)]
    server.stop()


@capability("ADBC Python", "ingest: large, in bounded memory")
def test_more_rows_than_fit_into_the_memory_limit_are_written(start):
    server = start("--memory-limit", "256MB")
    batch = pa.record_batch({"n": pa.array(range(65_536)), "text": ["x" * 100] * 65_536})
    reader = pa.RecordBatchReader.from_batches(batch.schema, (batch for _ in range(60)))
    with adbc_connection(server, autocommit=True) as connection:
        assert ingest(connection, "many", reader, mode="create") == 60 * 65_536
        assert rows(connection, "SELECT count(*), min(n), max(n) FROM many") == [(60 * 65_536, 0, 65_535)]
