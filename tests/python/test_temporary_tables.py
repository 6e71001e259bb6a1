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
UNTOLD = [
    "MERGE INTO {t} USING other o ON {t}.k = o.k WHEN MATCHED THEN DELETE", "ALTER TABLE {t} ADD COLUMN added INTEGER DEFAULT 7",
    "PREPARE p AS DELETE FROM {t}; EXECUTE p", "COPY {t} FROM '{folder}/rows.csv'",
    "CREATE OR REPLACE TEMP TABLE {t} AS SELECT 99 AS k, 'new' AS v",
]
TOLD = [
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


def test_a_table_is_kept_whose_rows_were_numbered_by_a_sequence_that_stays(start):
    """The statement changes another database than the temporary one too."""
    server = start()
    session = Session(server)
    session.update("CREATE SEQUENCE staying")
    session.update("CREATE TEMP TABLE numbered (i BIGINT)")
    session.update("INSERT INTO numbered SELECT nextval('staying') FROM range(3)")
    session.update("BEGIN; UPDATE numbered SET i = i + 10 * nextval('staying') WHERE i = 3; COMMIT")
    session = restarted(server, session)
    assert session.value("SELECT string_agg(i, ',' ORDER BY i) FROM numbered") == "1,2,43"
    session.close()
