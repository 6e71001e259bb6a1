"""What statements say they changed, by both ways the released ADBC driver runs them."""

import adbc_driver_manager
import pyarrow as pa
import pytest

from conftest import adbc_connection
from drivers import capability
from pintail_process import Server

DRIVER = "ADBC Python"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("copied")


@pytest.fixture(scope="module")
def session(folder):
    server = Server("--allow-writes", str(folder), allow_files=[folder])
    with adbc_connection(server, autocommit=True) as connection:
        yield connection
    server.stop()


def executed(session, sql):
    """By `execute()`, which prepares: the count, and the rows."""
    with session.cursor() as cursor:
        cursor.execute(sql)
        return cursor.rowcount, [tuple(row.values()) for row in cursor.fetch_arrow_table().to_pylist()]


def updated(session, sql):
    """By the statement's `execute_update()`, which does not."""
    with session.cursor() as cursor:
        cursor.adbc_statement.set_sql_query(sql)
        return cursor.adbc_statement.execute_update(), []


@pytest.fixture(params=[executed, updated])
def run(request, session):
    """Runs statements in a place of their own."""
    executed(session, "CREATE OR REPLACE TABLE t (i INTEGER PRIMARY KEY, v VARCHAR)")
    executed(session, "INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    return lambda sql: request.param(session, sql)


@capability(DRIVER, "update: count of INSERT, UPDATE, DELETE")
@pytest.mark.parametrize("sql, count", [
    ("INSERT INTO t SELECT i, 'more' FROM range(10, 5010) r(i)", 5000),
    ("INSERT INTO t VALUES (1, 'again') ON CONFLICT DO NOTHING", 0),
    ("INSERT OR REPLACE INTO t VALUES (1, 'uno'), (9, 'nine')", 2),
    ("UPDATE t SET v = 'x' WHERE i > 1", 2),
    ("UPDATE t SET v = 'x' WHERE i > 100", 0),
    ("DELETE FROM t WHERE i <> 2", 2),
    ("TRUNCATE t", 3),
])
def test_a_change_tells_how_many_rows_it_changed(run, sql, count):
    assert run(sql) == (count, [])


@capability(DRIVER, "update: count of MERGE")
def test_a_merge_counts_what_it_inserted_and_updated(run):
    merge = "MERGE INTO t USING (VALUES (1, 'uno'), (7, 'seven')) s(i, v) ON t.i = s.i " \
            "WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.i, s.v)"
    assert run(merge) == (2, [])


@capability(DRIVER, "update: count of CREATE TABLE AS")
def test_a_table_made_of_a_query_counts_its_rows(run):
    assert run("CREATE OR REPLACE TABLE made AS FROM range(5)") == (5, [])


@capability(DRIVER, "update: count of COPY")
def test_a_copy_counts_the_rows_it_wrote_and_read(run, folder):
    file = folder / "copied.parquet"
    assert run(f"COPY t TO '{file}'") == (3, [])
    run("CREATE OR REPLACE TABLE back (i INTEGER, v VARCHAR)")
    assert run(f"COPY back FROM '{file}'") == (3, [])


@capability(DRIVER, "update: count of a definition", "statement: definition")
@pytest.mark.parametrize("sql", [
    "CREATE OR REPLACE TABLE defined (i INTEGER)", "CREATE OR REPLACE VIEW seen AS FROM t",
    "ALTER TABLE t ADD COLUMN j INTEGER", "CREATE SCHEMA IF NOT EXISTS s", "CREATE OR REPLACE MACRO twice(x) AS 2 * x", "SET VARIABLE x = 1",
    "SET integer_division = true", "DROP TABLE t",
])
def test_a_definition_changes_no_rows(run, sql):
    assert run(sql) == (0, [])


@capability(DRIVER, "update: RETURNING")
@pytest.mark.parametrize("sql, rows", [
    ("INSERT INTO t VALUES (7, 'seven'), (8, 'eight') RETURNING i * 10 AS ten", [(70,), (80,)]),
    ("UPDATE t SET v = upper(v) WHERE i < 3 RETURNING v", [("ONE",), ("TWO",)]),
    ("DELETE FROM t WHERE i = 3 RETURNING *", [(3, "three")]),
    ("MERGE INTO t USING (VALUES (7)) s(i) ON t.i = s.i WHEN NOT MATCHED THEN INSERT VALUES (s.i, 'x') "
     "RETURNING merge_action, i", [("INSERT", 7)]),
])
def test_what_is_returned_comes_with_the_count_and_the_change_is_made_once(session, run, sql, rows):
    count, found = run(sql)
    assert count == len(rows)
    # `execute_update` has no place for rows.
    assert sorted(found) in (sorted(rows), [])
    (total,), = executed(session, "SELECT count(*) FROM t")[1]
    assert total == {"INSERT": 5, "UPDATE": 3, "DELETE": 2, "MERGE ": 4}[sql[:6]]


@capability(DRIVER, "update: RETURNING")
def test_returned_rows_of_many_parameters_follow_one_another(session):
    executed(session, "CREATE OR REPLACE TABLE t (i INTEGER)")
    with session.cursor() as cursor:
        cursor.execute("INSERT INTO t VALUES (?), (? + 100) RETURNING i", pa.table({"a": [1, 2], "b": [1, 2]}))
        assert cursor.fetchall() == [(1,), (101,), (2,), (102,)]
        cursor.executemany("INSERT INTO t VALUES (?) RETURNING i", [(5,), (6,)])
        assert cursor.rowcount == 2
    assert executed(session, "SELECT count(*) FROM t")[1] == [(6,)]


@capability(DRIVER, "prepared: update", "prepared: update over many rows")
def test_an_update_over_many_rows_is_all_of_them_or_none(session):
    executed(session, "CREATE OR REPLACE TABLE t (i INTEGER PRIMARY KEY)")
    with session.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (?)", [(i,) for i in range(3000)])
        assert cursor.rowcount == 3000
        with pytest.raises(adbc_driver_manager.Error, match="23505"):
            cursor.executemany("INSERT INTO t VALUES (?)", [(5000,), (5001,), (1,)])
    (kept,), = executed(session, "SELECT count(*) FROM t")[1]
    assert kept == 3000, "in autocommit a batch is one statement"
