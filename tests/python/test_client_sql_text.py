"""What the Python client reads in the text of a statement: whether it may be run again, and needs a transaction."""

import pytest

from pintail.sql_text import Kind, kind


@pytest.mark.parametrize("sql", [
    "SELECT 1", "  select 'insert; update'", "-- DELETE\nFROM t", "/* a */ ( SELECT 1 )", "VALUES (1)",
    "TABLE t", "SHOW TABLES", "DESCRIBE t", "SUMMARIZE t", "WITH a AS (SELECT 1) SELECT * FROM a", "SELECT 1;",
    "SELECT $$; DROP TABLE t$$",
    "EXPLAIN SELECT 1", 'SELECT "delete;" FROM t', "SELECT 1 -- ; DELETE FROM t",
])
def test_what_only_reads_is_known(sql):
    assert kind(sql) is Kind.READ


@pytest.mark.parametrize("sql", [
    "INSERT INTO t VALUES (1)", "SELECT 1; DELETE FROM t", "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "",
    "EXPLAIN ANALYZE DELETE FROM t", "CREATE TABLE t (i INTEGER)", "COPY t TO 'f'", "CALL f()", "PIVOT t ON i",
    "SET a = 1; DROP TABLE t",
    "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
])
def test_what_may_change_data_is_taken_for_a_write(sql):
    assert kind(sql) is Kind.WRITE


@pytest.mark.parametrize(("sql", "what"), [
    ("SET a = 1", Kind.SESSION), ("RESET a", Kind.SESSION), ("USE s", Kind.SESSION), ("PRAGMA version", Kind.SESSION),
    ("BEGIN", Kind.TRANSACTION), ("  COMMIT;", Kind.TRANSACTION), ("ROLLBACK", Kind.TRANSACTION), ("END", Kind.TRANSACTION),
])
def test_what_is_about_the_session_begins_no_transaction(sql, what):
    assert kind(sql) is what
