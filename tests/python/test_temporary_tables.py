"""A server's temporary tables after it was killed: which of them a statement changed is told by its plan."""

import pyarrow as pa

from flight_sql import Session
from test_pyarrow_metadata import ingest


def restarted(server, session):
    """The session at a server that was killed and has started again."""
    session.client.close()
    server.kill()
    server.start()
    return Session(server, header=session.header)


# Each has a table of its own, `{t}`. After the first ones all tables are looked at, since their plans do not tell which they change.
UNTOLD = ["ALTER TABLE {t} ADD COLUMN added INTEGER DEFAULT 7", "DROP TABLE {t}; CREATE TEMP TABLE {t} AS SELECT 8 AS k, 'again' AS v"]
TOLD = [
    "MERGE INTO {t} USING other o ON {t}.k = o.k WHEN MATCHED THEN DELETE",
    "MERGE INTO {t} USING other o ON {t}.k = o.k + 2 WHEN MATCHED THEN UPDATE SET v = o.v WHEN NOT MATCHED THEN INSERT VALUES (o.k + 50, o.v)",
    "PREPARE p AS DELETE FROM {t}; EXECUTE p", "COPY {t} FROM '{folder}/rows.csv'", "EXPLAIN ANALYZE DELETE FROM {t}",
    "CREATE OR REPLACE TEMP TABLE {t} AS SELECT 99 AS k, 'new' AS v", "CREATE OR REPLACE TEMP TABLE {t} (k BIGINT, v VARCHAR)",
    "INSERT INTO {t} VALUES (4, 'd')", "INSERT INTO {t} SELECT range, 'r' FROM range(10, 3000)", "INSERT INTO {t} VALUES (4, 'd') RETURNING k",
    "INSERT OR REPLACE INTO {t} VALUES (1, 'other')", "INSERT INTO {t} VALUES (1, 'x') ON CONFLICT (k) DO UPDATE SET v = 'upsert'",
    "UPDATE {t} SET v = 'b2' WHERE k = 2", "UPDATE {t} SET k = k + 10", "UPDATE {t} SET v = o.v FROM other o WHERE o.k = {t}.k",
    "DELETE FROM {t} WHERE k = 3", "DELETE FROM {t} USING other o WHERE o.k = {t}.k AND o.k = 2", "DELETE FROM {t}", "TRUNCATE {t}",
    "WITH w AS (FROM other) INSERT INTO {t} SELECT k + 20, v FROM w",
    "BEGIN; INSERT INTO {t} VALUES (5, 'e'); DELETE FROM {t} WHERE k = 1; COMMIT",
]
CHANGES = UNTOLD + TOLD


def test_each_of_several_tables_is_kept_as_it_was_left(start, tmp_path):
    """Only a table that a statement may have changed is looked at after it."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "rows.csv").write_text("7,g\n8,h\n")
    server = start(allow_files=[folder])
    session = Session(server)
    session.table("CREATE TEMP TABLE other AS SELECT 1 AS k, 'o' AS v UNION ALL SELECT 2, 'p'")
    names = [f"t{number}" for number in range(len(CHANGES))]
    for name in [*names, "by_parameter", "by_ingest", "left", "Mixed"]:
        session.table(f'CREATE TEMP TABLE "{name}" (k BIGINT PRIMARY KEY, v VARCHAR)')
        session.table(f"INSERT INTO \"{name}\" VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    for name, sql in zip(names, CHANGES, strict=True):
        session.table(sql.format(t=name, folder=folder))
    with session.prepared("INSERT INTO by_parameter VALUES (?, 'p')") as prepared:
        prepared.update(pa.table({"1": pa.array([6, 7])}))
    ingest(session, "BY_INGEST", pa.table({"k": [8], "v": ["i"]}), mode="append", temporary=True)
    session.table("INSERT INTO MIXED VALUES (4, 'm')")

    def content(session):
        tables = session.table("SELECT table_name AS name FROM duckdb_tables() WHERE temporary ORDER BY 1").column(0).to_pylist()
        return {name: session.table(f'FROM "{name}" ORDER BY k').to_pylist() for name in tables}

    before = content(session)
    assert len(before) == len(CHANGES) + 5
    assert [name for name in before if before[name] == before["left"]] == ["left"]
    session = restarted(server, session)
    assert content(session) == before
    session.close()


def test_lines_that_could_not_be_read_are_kept_with_those_that_could(start, tmp_path):
    """DuckDB puts them in temporary tables that no statement names."""
    folder = tmp_path / "files"
    folder.mkdir()
    server = start(allow_files=[folder])
    session = Session(server)
    session.table("CREATE TEMP TABLE good (i INTEGER)")
    for number in range(3):
        (folder / f"{number}.csv").write_text("1\nno number\n2\n")
        session.table(f"INSERT INTO good FROM read_csv('{folder}/{number}.csv', columns = {{'i': 'INTEGER'}}, header = false, "
                      "auto_detect = false, store_rejects = true)")
    counts = "SELECT (SELECT count(*) FROM good) || ',' || (SELECT count(*) FROM reject_errors) || ',' || (SELECT count(*) FROM reject_scans)"
    assert session.value(counts) == "6,3,3"
    session = restarted(server, session)
    assert session.value(counts) == "6,3,3"
    session.close()


# Each changes a durable database too, whose sequence it moves on, and `t`, which has the rows 1 to 3.
NUMBERING = [
    "INSERT INTO t SELECT nextval('staying') FROM range(3)",
    "BEGIN; UPDATE t SET i = 100 + nextval('staying') WHERE i = 3; COMMIT",
    "MERGE INTO t USING range(2, 6) n(k) ON t.i = n.k WHEN MATCHED THEN UPDATE SET i = 100 + nextval('staying') WHEN NOT MATCHED THEN INSERT VALUES (k)",
    "PREPARE p AS INSERT INTO t SELECT nextval('staying'); EXECUTE p; DEALLOCATE p",
    "COPY defaulted (v) FROM '{folder}/values.csv'",
    "CREATE OR REPLACE TEMP TABLE t AS SELECT i + nextval('staying') AS i FROM t",
    "CREATE OR REPLACE TEMP TABLE defaulted (i BIGINT DEFAULT nextval('staying'), v VARCHAR)",
    "EXPLAIN ANALYZE INSERT INTO t SELECT nextval('staying')",
]


def test_a_table_is_kept_whose_rows_were_numbered_by_a_sequence_that_stays(start, tmp_path):
    """The statement changes another database than the temporary one too."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "values.csv").write_text("a\nb\n")
    server = start(allow_files=[folder])
    session = Session(server)
    session.update("CREATE SEQUENCE staying")

    def content(session):
        return [session.table(f"FROM {table} ORDER BY i").to_pylist() for table in ("t", "defaulted")]

    for sql in NUMBERING:
        session.table("CREATE OR REPLACE TEMP TABLE t AS SELECT range AS i FROM range(1, 4)")
        session.table("CREATE OR REPLACE TEMP TABLE defaulted (i BIGINT DEFAULT nextval('staying'), v VARCHAR)")
        session.table("INSERT INTO defaulted VALUES (0, 'first')")

        before = content(session)
        session.table(sql.format(folder=folder))
        changed = content(session)
        assert changed != before, sql
        session = restarted(server, session)
        assert content(session) == changed, sql
    session.close()


def test_lines_that_a_query_could_not_read_are_kept(start, tmp_path):
    """Neither a query nor an INSERT into a durable table changes a temporary table otherwise."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "lines.csv").write_text("1\nno number\n2\n")
    server = start(allow_files=[folder])
    session = Session(server)
    session.update("CREATE TABLE durable (i INTEGER)")

    def lines(errors):
        return (f"FROM read_csv('{folder}/lines.csv', columns = {{'i': 'INTEGER'}}, header = false, auto_detect = false, "
                f"store_rejects = true, rejects_table = '{errors}', rejects_scan = '{errors}_scan')")

    assert session.table(f"SELECT * {lines('of_query')}").to_pylist() == [{"i": 1}, {"i": 2}]
    session = restarted(server, session)
    assert session.value("SELECT count(*) FROM of_query") == 1
    session.update(f"INSERT INTO durable {lines('of_insert')}")
    session = restarted(server, session)
    assert session.value("SELECT count(*) FROM of_insert") == 1
    assert session.value("SELECT sum(i) FROM durable") == 3
    session.close()
