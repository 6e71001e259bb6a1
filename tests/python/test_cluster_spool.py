"""A session's temporary tables after its node was killed: their contents are kept in the spool that the nodes share."""

import contextlib
import pathlib

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from cluster import EXPECTED, Cluster
from flight_sql import COMMIT, ROLL_BACK, Session
from object_store import KEY
from pintail_process import wait_until
from test_cluster_temporary import FAILURES, Client, why
from test_pyarrow_metadata import ingest

LIMIT = 2_000_000


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def cluster(postgres, spool):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0,
                      arguments=("--spool", str(spool), "--snapshot-limit", f"{LIMIT}B"))
    yield cluster
    cluster.close(expected=(*EXPECTED, "bring along", "can't be kept", "spool"))


@pytest.fixture
def client(cluster):
    client = Client(cluster)
    yield client
    client.close()


def snapshots(spool):
    return sorted(path.name for path in spool.rglob("*.snapshot"))


TABLES = [
    "CREATE TEMP TYPE mood AS ENUM ('happy', 'it''s', '')",
    "CREATE TEMP SEQUENCE numbers START 100",
    """CREATE TEMP TABLE every AS SELECT i::INTEGER AS i, (i % 2 = 0) AS b, i::UTINYINT AS tiny, i::HUGEINT * 170141183460469231 AS h,
       i::UHUGEINT AS uh, i / 3 AS d, i::FLOAT AS f, (i / 7)::DECIMAL(38, 10) AS dec, 'text ' || i AS t, repeat('long', 100) AS long,
       ('blob' || i)::BLOB AS bl, DATE '2000-01-01' + i::INTEGER AS da, TIME '01:02:03.456789' AS ti,
       TIMESTAMP '2001-02-03 04:05:06.789' + INTERVAL (i) DAY AS ts, (TIMESTAMP '2001-02-03 04:05:06' + INTERVAL (i) DAY)::TIMESTAMPTZ AS tz,
       TIMESTAMP_NS '2001-02-03 04:05:06.123456789' AS ns, INTERVAL (i) MONTH AS iv, uuid() AS u, [i, NULL, i + 1] AS l,
       {'a': i, 'b': [{'c': 'x' || i}]} AS s, MAP {'k' || i: i} AS m, [i, i, i]::INTEGER[3] AS ar, '1011'::BIT AS bits,
       union_value(num := i)::UNION(num INTEGER, str VARCHAR) AS un, CASE i % 3 WHEN 0 THEN 'happy' WHEN 1 THEN 'it''s' ELSE '' END::mood AS e,
       CASE WHEN i % 4 > 0 THEN i END AS n FROM range(200) r(i)""",
    "INSERT INTO every (i) VALUES (-1)",
    '''CREATE TEMP TABLE strict (id INTEGER PRIMARY KEY DEFAULT nextval('numbers'), name VARCHAR NOT NULL UNIQUE CHECK (name <> 'no'),
       twice INTEGER GENERATED ALWAYS AS (id * 2) VIRTUAL, "odd ""name""" DOUBLE DEFAULT 1.5)''',
    "INSERT INTO strict (name) VALUES ('a'), ('b'), ('c')",
    "DELETE FROM strict WHERE name = 'b'",
    "UPDATE strict SET name = 'cc' WHERE name = 'c'",
    "CREATE TEMP TABLE indexed (i INTEGER, j INTEGER)",
    "INSERT INTO indexed SELECT i, i % 10 FROM range(1000) r(i)",
    "CREATE UNIQUE INDEX by_i ON indexed (i)",
    "CREATE TEMP TABLE none (i INTEGER)",
    "CREATE TEMP TABLE emptied AS SELECT 1 AS i",
    "TRUNCATE emptied",
    "CREATE TEMP TABLE renamed AS SELECT 1 AS i",
    "ALTER TABLE renamed RENAME TO \"new \"\"name\"\"\"",
    "ALTER TABLE \"new \"\"name\"\"\" ADD COLUMN added VARCHAR DEFAULT 'yes'",
    "CREATE TEMP VIEW over_it AS SELECT i * 10 AS i FROM strict, indexed WHERE i = id",
    "CREATE TEMP TABLE gone AS SELECT 1",
    "DROP TABLE gone",
]

CHECKED = [
    "SELECT md5(string_agg(every::VARCHAR, ';')) FROM every", "SELECT typeof(un) || typeof(e) || typeof(ar) FROM every",
    "SELECT string_agg(strict::VARCHAR, ';' ORDER BY id) FROM strict", "SELECT sum(i * j) FROM indexed",
    "SELECT count(*) FROM none", "SELECT count(*) FROM emptied", "SELECT string_agg(n::VARCHAR, ';') FROM \"new \"\"name\"\"\" n",
    "SELECT string_agg(i, ',' ORDER BY i) FROM over_it",
    "SELECT string_agg(table_name, ',' ORDER BY table_name) FROM duckdb_tables() WHERE temporary",
    "SELECT string_agg(sql, ';' ORDER BY sql) FROM duckdb_indexes()",
]


def test_temporary_tables_of_every_kind_are_the_same_on_another_node(cluster, client, spool):
    for sql in TABLES:
        client.ask(sql)
    before = [client.ask(sql) for sql in CHECKED]
    told = why(cluster, client.name)
    assert told['temporary table "every"'] == told['temporary view "over_it"'] == "yes", told
    assert "no" not in [kept for what, kept in told.items() if what.startswith("temporary")]
    for _ in range(2):
        client.move()
        assert [client.ask(sql) for sql in CHECKED] == before
    # They are what they were, not only their rows.
    client.ask("INSERT INTO strict (name) VALUES ('d')")
    assert client.ask("SELECT id || ',' || twice || ',' || \"odd \"\"name\"\"\" FROM strict WHERE name = 'd'") == "103,206,1.5"
    for refused in ("INSERT INTO strict (name) VALUES ('a')", "INSERT INTO strict (name) VALUES ('no')",
                    "INSERT INTO strict (id, name) VALUES (100, 'e')", "INSERT INTO indexed VALUES (5, 5)"):
        with pytest.raises(FAILURES, match="onstraint"):
            client.ask(refused)
    client.move()
    assert client.ask("SELECT count(*) FROM strict") == 3


def test_every_way_to_change_a_table_is_kept_before_it_is_answered(cluster, client):
    client.ask("CREATE TEMP TABLE t (i BIGINT)")
    transaction = client.session.begin()
    client.session.update("INSERT INTO t VALUES (1)", transaction)
    client.session.end(transaction, COMMIT)
    transaction = client.session.begin()
    client.session.update("INSERT INTO t VALUES (-1)", transaction)
    client.session.end(transaction, ROLL_BACK)
    client.ask("BEGIN; INSERT INTO t VALUES (2); COMMIT")
    client.ask("INSERT INTO t VALUES (3); SELECT * FROM range(100000)")
    client.ask("INSERT INTO t VALUES (4) RETURNING i")
    ingest(client.session, "t", pa.table({"i": [5]}), mode="append", temporary=True)
    with client.session.prepared("INSERT INTO t VALUES (?)") as prepared:
        prepared.update(pa.table({"1": pa.array([6, 7])}))
    client.ask("PREPARE p AS INSERT INTO t VALUES (8)")
    client.ask("EXECUTE p")
    client.ask("INSERT INTO temp.main.t SELECT 9")
    client.ask("MERGE INTO t USING (SELECT 10 AS i) AS s ON t.i = s.i WHEN NOT MATCHED THEN INSERT VALUES (s.i)")
    ingest(client.session, "uploaded", pa.table({"n": [1, 2, 3]}), temporary=True)
    client.move()
    assert client.ask("SELECT string_agg(i, ',' ORDER BY i) FROM t") == "1,2,3,4,5,6,7,8,9,10"
    assert client.ask("SELECT sum(n) FROM uploaded") == 6


def test_what_is_too_large_is_told_and_the_rest_is_kept(cluster, client, spool):
    client.ask("CREATE TEMP TABLE small AS SELECT 42 AS i")
    client.ask(f"CREATE TEMP TABLE large AS SELECT hash(i) AS h FROM range({LIMIT}) r(i)")
    told = why(cluster, client.name)
    assert (told['temporary table "small"'], told['temporary table "large"']) == ("yes", "no")
    client.ask("DELETE FROM large WHERE h % 100 > 0")
    assert why(cluster, client.name)['temporary table "large"'] == "yes", "it fits by now"
    rows = client.ask("SELECT count(*) FROM large")
    client.move()
    assert (client.ask("FROM small"), client.ask("SELECT count(*) FROM large")) == (42, rows)


def test_what_a_takeover_would_lose_and_why_can_be_asked_beforehand(cluster, client, spool):
    def shown():
        return {row["what"]: (row["survives"], row["why"]) for row in client.session.table("SHOW pintail.resumable").to_pylist()}

    client.ask("CREATE TEMP TABLE \"it's small\" AS SELECT 1 AS i")
    client.ask(f"CREATE TEMP TABLE large AS SELECT hash(i) AS h FROM range({LIMIT}) r(i)")
    client.ask("CREATE TEMP VIEW over_it AS SELECT count(*) FROM large")
    client.session.set_option("pintail.compression", "none")
    told = shown()
    assert told['temporary table "it\'s small"'][0] == told["option pintail.compression"][0] == "yes"
    survives, reason = told['temporary table "large"']
    assert survives == "no" and "--snapshot-limit" in reason
    survives, reason = told['temporary view "over_it"']
    assert survives == "no" and "a table that is not kept" in reason
    rows = cluster.command("sessions", "why", client.name, "--format", "json")
    assert told == {row["what"]: (row["survives"], row["why"]) for row in rows}
    session = next(spool.iterdir())
    aside = pathlib.Path(f"{spool}.aside")
    session.rename(aside)
    session.write_text("no directory")
    client.ask("CREATE TEMP TABLE another AS SELECT 2 AS i")
    survives, reason = shown()['temporary table "another"']
    assert survives == "no" and "could not be written to the spool" in reason
    session.unlink()
    aside.rename(session)


def test_the_spool_holds_no_more_than_it_must(cluster, client, spool):
    client.ask("CREATE TEMP TABLE t AS SELECT 'a secret of mine' AS s")
    for number in range(5):
        client.ask(f"INSERT INTO t VALUES ('{number}')")
    client.ask("SELECT 1")
    assert len(snapshots(spool)) == 1
    assert b"secret of mine" not in next(spool.rglob("*.snapshot")).read_bytes()
    client.ask("CREATE TABLE elsewhere AS FROM range(10)")
    before = snapshots(spool)
    client.ask("INSERT INTO elsewhere VALUES (1)")
    assert snapshots(spool) == before, "what changes no temporary table writes nothing"
    client.ask("DROP TABLE t")
    client.ask("SELECT 1")
    assert snapshots(spool) == []
    client.ask("CREATE TEMP TABLE t AS SELECT 1")
    assert len(snapshots(spool)) == 1
    client.session.close()
    client.session = Session(cluster.nodes[0])
    wait_until(lambda: not list(spool.iterdir()), "the end of the session's snapshots")


def test_what_a_session_leaves_in_the_spool_goes_when_it_expires(postgres, spool):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0,
                      arguments=("--spool", str(spool), "--session-idle-timeout", "2s"))
    client = Client(cluster)
    client.ask("CREATE TEMP TABLE t AS SELECT 1")
    assert len(snapshots(spool)) == 1
    # Its node can't tidy up after it.
    cluster.owner(client.name).kill()
    wait_until(lambda: cluster.sessions()[client.name]["state"] == "expired", "the end of the session")
    wait_until(lambda: not list(spool.iterdir()), "the end of its snapshots")
    cluster.close(expected=EXPECTED)


def test_what_a_session_left_in_the_spool_whose_node_was_dead_when_it_ended_is_removed(cluster, client, spool):
    client.ask("CREATE TEMP TABLE t AS SELECT 1")
    of_another_cluster = spool / ("f" * 32)
    of_another_cluster.mkdir()
    owner = cluster.owner(client.name)
    client.session.client.close()
    owner.kill()
    cluster.command("sessions", "kill", client.name)
    assert len(snapshots(spool)) == 1
    owner.start()
    wait_until(lambda: list(spool.iterdir()) == [of_another_cluster], "the end of its snapshots")
    client.session = Session(cluster.nodes[0])


@pytest.mark.parametrize("damage", ["a flipped bit", "cut off", "empty", "gone", "that of another table"])
def test_a_damaged_snapshot_is_noticed_and_told(cluster, client, spool, damage):
    client.ask("CREATE TEMP TABLE whole AS SELECT 1 AS i")
    whole, = spool.rglob("*.snapshot")
    client.ask("CREATE TEMP TABLE damaged AS SELECT 2 AS i")
    damaged, = set(spool.rglob("*.snapshot")) - {whole}
    contents = damaged.read_bytes()
    if damage == "gone":
        damaged.unlink()
    else:
        damaged.write_bytes({"a flipped bit": contents[:30] + bytes([contents[30] ^ 1]) + contents[31:], "cut off": contents[:-1],
                             "empty": b"", "that of another table": whole.read_bytes()}[damage])
    survivor = client.move()
    assert 'temporary table \\"damaged\\"' in "".join(survivor.log)
    assert client.ask("FROM whole") == 1
    with pytest.raises(FAILURES, match="damaged"):
        client.ask("FROM damaged")
    client.ask("CREATE TEMP TABLE damaged AS SELECT 3 AS i")
    client.move()
    assert client.ask("FROM damaged") == 3


def test_a_takeover_waits_for_a_spool_that_can_not_be_reached(cluster, client, spool):
    client.ask("CREATE TEMP TABLE t AS SELECT 7 AS i")
    aside = pathlib.Path(f"{spool}.aside")
    for away in (next(spool.iterdir()), spool):
        away.rename(aside)
        if away is not spool:
            away.write_text("no directory")
        owner, _ = client.leave()
        for _ in range(2):
            with pytest.raises(FAILURES, match=r"\[58030\].*spool"):
                client.ask("SELECT 1")
        if away is not spool:
            away.unlink()
        aside.rename(away)
        assert client.ask("FROM t") == 7
        owner.start()


def test_a_spool_that_fails_costs_no_statement_and_is_told(cluster, client, spool):
    client.ask("CREATE TEMP TABLE t AS SELECT 1 AS i")
    session = next(spool.iterdir())
    aside = pathlib.Path(f"{spool}.aside")
    session.rename(aside)
    session.write_text("no directory")
    client.ask("INSERT INTO t VALUES (2)")
    assert why(cluster, client.name)['temporary table "t"'] == "no"
    session.unlink()
    aside.rename(session)
    client.ask("INSERT INTO t VALUES (3)")
    assert why(cluster, client.name)['temporary table "t"'] == "yes"
    client.move()
    assert client.ask("SELECT sum(i) FROM t") == 6


@contextlib.contextmanager
def request(client, number):
    """Sends what is sent meanwhile with a request id."""
    header = (b"x-pintail-request-id", f"00000000-0000-4000-8000-{number:012}".encode())
    client.session.options = flight.FlightCallOptions(headers=[client.session.header, header])
    yield
    client.session.options = flight.FlightCallOptions(headers=[client.session.header])


def test_a_write_to_a_temporary_table_is_applied_once_however_often_its_node_dies(cluster, client):
    client.ask("CREATE TEMP TABLE t (i BIGINT)")
    client.ask("CREATE TABLE permanent (i BIGINT)")

    def all_of_it():
        with request(client, 1):
            assert client.session.update("INSERT INTO t VALUES (1), (2)") == 2
        with request(client, 2):
            assert client.session.update("UPDATE t SET i = i + 10; INSERT INTO t VALUES (3)") == 1
        with request(client, 3):
            ingest(client.session, "t", pa.table({"i": [4, 5, 6]}), mode="append", temporary=True)
        with request(client, 4):
            client.ask("CREATE TEMP TABLE u AS SELECT 1 AS i")
        with request(client, 5):
            assert client.ask("INSERT INTO t VALUES (7) RETURNING i") == 7
        with request(client, 6):
            assert client.session.update("DELETE FROM t WHERE i = 99") == 0

    for _ in range(2):
        all_of_it()
    for _ in range(2):
        client.move()
        client.ask("CREATE TABLE IF NOT EXISTS permanent (i BIGINT)")
        all_of_it()
        assert client.ask("SELECT string_agg(i, ',' ORDER BY i) FROM t") == "3,4,5,6,7,11,12"
    with request(client, 1), pytest.raises(FAILURES, match=r"\[22023\]"):
        client.session.update("INSERT INTO t VALUES (9)")
    assert not [what for what in why(cluster, client.name) if "receipt" in what]


def test_the_commit_of_temporary_tables_is_answered_truthfully_by_another_node(cluster, client):
    client.ask("CREATE TEMP TABLE t (i BIGINT)")
    for number, end in ((1, "COMMIT"), (2, "END")):
        client.ask("BEGIN")
        client.ask(f"INSERT INTO t VALUES ({number})")
        client.ask(end)
        client.move()
        # Its answer may have been lost: it comes again.
        client.ask(end)
    transaction = client.session.begin()
    client.session.update("INSERT INTO t VALUES (3)", transaction)
    client.session.end(transaction, COMMIT)
    client.move()
    client.session.end(transaction, COMMIT)
    with request(client, 8):
        transaction = client.session.begin()
    client.session.update("INSERT INTO t VALUES (4)", transaction)
    with request(client, 9):
        client.session.end(transaction, COMMIT)
        client.move()
    with request(client, 9):
        client.session.end(transaction, COMMIT)
    transaction = client.session.begin()
    client.session.update("INSERT INTO t VALUES (5)", transaction)
    client.move()
    with pytest.raises(FAILURES, match=r"\[40001\]"):
        client.session.end(transaction, COMMIT)
    assert client.ask("SELECT string_agg(i, ',' ORDER BY i) FROM t") == "1,2,3,4"


@pytest.fixture
def cluster_over_s3(postgres, s3, tmp_path):
    config = tmp_path / "pintail.toml"
    config.write_text("\n".join(s3.secret("files")))
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0,
                      arguments=("--config", str(config), "--spool", "s3://bucket/spool", "--spool-secret", "files"))
    yield cluster
    cluster.close(expected=(*EXPECTED, "bring along", "spool"))


def test_a_spool_in_an_object_store(cluster_over_s3):
    client = Client(cluster_over_s3)
    client.ask("CREATE TEMP TABLE t AS SELECT i FROM range(1000) r(i)")
    client.ask("DELETE FROM t WHERE i > 9")
    client.move()
    assert client.ask("SELECT sum(i) FROM t") == 45
    client.close()
    for node in cluster_over_s3.nodes:
        assert KEY not in "".join(node.log)


def test_an_object_store_that_stumbles_loses_nothing(cluster_over_s3, s3):
    client = Client(cluster_over_s3)
    s3.do("answer stumble")
    client.ask("CREATE TEMP TABLE t AS SELECT i FROM range(10) r(i)")
    client.ask("DELETE FROM t WHERE i > 5")
    assert why(cluster_over_s3, client.name)['temporary table "t"'] == "yes"
    client.move()
    assert client.ask("SELECT sum(i) FROM t") == 15
    s3.do("answer busy")
    client.leave()
    with pytest.raises(FAILURES, match=r"\[58030\].*spool.*503"):
        client.ask("SELECT 1")
    s3.do("answer real")
    assert client.ask("SELECT sum(i) FROM t") == 15
    client.close()


def test_a_single_server_has_its_sessions_temporary_tables_after_a_restart(start):
    server = start()
    client = Client.__new__(Client)
    client.session = Session(server)
    client.ask("CREATE TEMP TABLE t AS SELECT 7 AS i")
    client.session.client.close()
    server.kill()
    server.start()
    client.session = Session(server, header=client.session.header)
    assert client.ask("FROM t") == 7
    client.close()
