"""The released ADBC driver where queries take long: incremental execution, partitions, cancelling, and a timeout."""

import adbc_driver_flightsql
import adbc_driver_manager
import pyarrow as pa
import pytest

from conftest import adbc_connection

INCREMENTAL = adbc_driver_manager.StatementOptions.INCREMENTAL.value
BLOCKED = "SELECT count(*) AS n FROM range(100000000000) a(i), range(100) b(i) WHERE (a.i + b.i) % 7 = 9"


@pytest.fixture
def session(server):
    with adbc_connection(server, autocommit=True) as connection:
        yield connection


def partitions(cursor, sql, **options):
    """All partitions of a statement that is executed incrementally, as the driver hands them out."""
    statement = cursor.adbc_statement
    statement.set_options(**{INCREMENTAL: "true", **options})
    statement.set_sql_query(sql)
    found = []
    while True:
        more, _, _ = statement.execute_partitions()
        if not more:
            return found
        found += more


def test_a_read_is_one_partition(session):
    with session.cursor() as cursor:
        partition, = partitions(cursor, "SELECT range AS i FROM range(100000)")
        cursor.adbc_read_partition(partition)
        table = cursor.fetch_arrow_table()
    assert table.schema.names == ["i"] and table.num_rows == 100_000


def test_a_change_is_made_once_while_it_is_polled(session):
    with session.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE polled (i BIGINT)")
        for partition in partitions(cursor, "INSERT INTO polled SELECT * FROM range(3000000)"):
            cursor.adbc_read_partition(partition)
            cursor.fetch_arrow_table()
    with session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM polled")
        assert cursor.fetchall() == [(3_000_000,)]


def test_a_partition_is_read_from_another_connection_of_its_session_only(server, session):
    with session.cursor() as cursor:
        (partition,), schema = cursor.adbc_execute_partitions("SELECT 42 AS answer")
        assert schema == pa.schema([("answer", pa.int32())]) or schema.names == ["answer"]
        for _ in range(2):
            cursor.adbc_read_partition(partition)
            assert cursor.fetchall() == [(42,)]
    with adbc_connection(server, autocommit=True) as other, other.cursor() as cursor:
        with pytest.raises(adbc_driver_manager.Error, match="another session"):
            cursor.adbc_read_partition(partition)
            cursor.fetchall()


def test_keys_are_listed_with_their_tables(session):
    with session.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE keyed (a INTEGER, b VARCHAR, PRIMARY KEY (a, b))")
    objects = session.adbc_get_objects(depth="columns", table_name_filter="keyed").read_all().to_pylist()
    tables = [table for catalog in objects for schema in catalog["catalog_db_schemas"]
              for table in schema["db_schema_tables"]]
    assert [table["table_name"] for table in tables] == ["keyed"]
    assert [column["column_name"] for column in tables[0]["table_columns"]] == ["a", "b"]


def test_a_statement_timeout_of_the_session_ends_a_statement(server):
    options = {adbc_driver_flightsql.ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value + "pintail.statement_timeout": "200ms"}
    with adbc_connection(server, autocommit=True, conn_kwargs=options) as connection, connection.cursor() as cursor:
        with pytest.raises(adbc_driver_manager.Error, match="200ms"):
            cursor.execute(BLOCKED)
            cursor.fetchall()
        cursor.execute("SELECT 42")
        assert cursor.fetchall() == [(42,)]
