"""Tables that all nodes share: a DuckLake whose catalog is in PostgreSQL."""

import concurrent.futures
import contextlib
import itertools
import json
import pathlib
import re
import signal
import subprocess
import threading
import time
import uuid

import adbc_driver_flightsql.dbapi as adbc
import pyarrow
import pyarrow.flight as flight
import pytest

import flight_sql
from cluster import EXPECTED, Cluster, seeded
from cluster_clients import PATIENCE, ask, connect, patiently, resumed
from lake import EXTENSIONS, SECRET, Lake
from object_store import KEY
from pintail_process import BINARY, DEADLINE, PASSWORD, USER, Server, environment, free_port, wait_until


@pytest.fixture
def lake(postgres, tmp_path):
    return Lake(postgres, tmp_path)


@pytest.fixture
def cluster(postgres, lake):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0, arguments=lake.arguments)
    yield cluster
    cluster.close(expected=(*EXPECTED, "through the server's fault"))
    for node in cluster.nodes:
        assert SECRET not in "".join(node.log), "a secret is in the server's log"


def test_nodes_that_start_at_once_make_one_lake(postgres, lake):
    store = postgres.new_database()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ports = [free_port() for _ in range(3)]
        nodes = list(pool.map(lambda port: Server("--store", store, *lake.arguments, port=port), ports))
    try:
        for number, node in enumerate(nodes):
            with connect(node.uri, autocommit=True) as connection:
                ask(connection, f"CREATE TABLE of_{number} AS SELECT {number} AS i")
        for node in nodes:
            with connect(node.uri, autocommit=True) as connection:
                assert ask(connection, "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM duckdb_tables()") == "of_0 of_1 of_2"
    finally:
        for node in nodes:
            node.stop()


def test_a_node_starts_beside_a_commit_that_is_under_way(cluster, lake):
    # What an insert locks for its transaction. A start that waits for it, with locks of its own that the commit needs next, is a
    # deadlock.
    with lake.held("ducklake_snapshot_changes", "ROW EXCLUSIVE"), lake.held("pintail_lake.epochs", "ROW EXCLUSIVE"):
        cluster.nodes.append(cluster.node(2, "both", *lake.arguments))
        with connect(cluster.nodes[2].uri, autocommit=True) as connection:
            assert ask(connection, "SELECT 42") == 42


def test_what_one_node_writes_all_read(cluster):
    one, other = (connect(node.uri, autocommit=True) for node in cluster.nodes)
    with one, other:
        ask(one, "CREATE TABLE t (i INTEGER, s VARCHAR)")
        ask(one, "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        assert ask(other, "SELECT sum(i) FROM t") == 3
        ask(other, "UPDATE t SET i = 20 WHERE i = 2")
        ask(other, "ALTER TABLE t ADD COLUMN d DATE")
        assert ask(one, "SELECT sum(i) FROM lake.main.t WHERE d IS NULL") == 21
        with other.cursor() as cursor:
            cursor.adbc_ingest("t", pyarrow.table({"i": range(100_000)}), mode="append")
            cursor.adbc_ingest("new", pyarrow.table({"i": [7]}), mode="create")
            cursor.executemany("INSERT INTO t (i) VALUES (?)", [(1,), (2,), (3,)])
        assert ask(one, "SELECT count(*) FROM t") == 100_005
        assert ask(one, "SELECT i FROM new") == 7
        assert one.adbc_get_table_schema("t").names == ["i", "s", "d"]
        objects = one.adbc_get_objects(depth="tables").read_all().to_pylist()
        catalogs = {row["catalog_name"]: row["catalog_db_schemas"] for row in objects}
        assert {"lake", "datasets"} <= set(catalogs) and not any("ducklake" in name or name == "memory" for name in catalogs)
        (tables,) = [schema["db_schema_tables"] for schema in catalogs["lake"] if schema["db_schema_name"] == "main"]
        assert {table["table_name"] for table in tables} == {"t", "new"}
        # Where a session is that goes back to where it began.
        ask(one, "CREATE SCHEMA apart")
        ask(one, "USE lake.apart")
        ask(one, "RESET search_path")
        assert ask(one, "SELECT current_database() || '.' || current_schema()") == "lake.main"


def test_transactions_are_whole_and_conflicts_are_told_or_tried_again(cluster):
    one, other = (connect(node.uri, autocommit=True) for node in cluster.nodes)
    with one, other:
        ask(one, "CREATE TABLE t AS SELECT range AS i FROM range(100)")
        for connection in (one, other):
            ask(connection, "BEGIN")
            ask(connection, "UPDATE t SET i = i + 1000 WHERE i < 50")
        ask(one, "COMMIT")
        with pytest.raises(adbc.Error) as failed:
            ask(other, "COMMIT")
        assert state(failed) == "40001", failed.value
        ask(other, "SELECT 1")
        assert ask(other, "SELECT count(*) FROM t WHERE i >= 1000") == 50
        with pytest.raises(adbc.Error):
            ask(one, "BEGIN; INSERT INTO t VALUES (-1); SELECT error('wrong')")
        ask(one, "ROLLBACK")
        assert ask(one, "SELECT count(*) FROM t WHERE i < 0") == 0

        def write(connection):
            for _ in range(10):
                ask(connection, "INSERT INTO t VALUES (-2)")
                ask(connection, "UPDATE t SET i = i + 1 WHERE i >= 1000")

        with concurrent.futures.ThreadPoolExecutor() as pool:
            for done in [pool.submit(write, connection) for connection in (one, other)]:
                done.result()
        assert ask(one, "SELECT count(*) FROM t WHERE i = -2") == 20
        assert ask(other, "SELECT min(i) FROM t WHERE i >= 1000") == 1020
    with connect(cluster.nodes[0].uri) as connection:
        ask(connection, "INSERT INTO t VALUES (-3)")
        connection.rollback()
        ask(connection, "INSERT INTO t VALUES (-4)")
        connection.commit()
        assert ask(connection, "SELECT string_agg(DISTINCT i, ',' ORDER BY i) FROM t WHERE i < -2") == "-4"


def test_commits_say_who_made_them(cluster, lake):
    with connect(cluster.nodes[0].uri, autocommit=True) as connection:
        (session,) = cluster.sessions()
        ask(connection, "CREATE TABLE t (i INTEGER)")
        ask(connection, "BEGIN")
        ask(connection, "INSERT INTO t VALUES (1)")
        ask(connection, "CALL lake.set_commit_message('Grace', 'it''s two', extra_info => 'more')")
        ask(connection, "INSERT INTO t VALUES (2)")
        ask(connection, "COMMIT")
        ask(connection, "INSERT INTO t VALUES (3)")
        with connection.cursor() as cursor:
            cursor.execute("SELECT author, commit_message, commit_extra_info FROM lake.snapshots() ORDER BY snapshot_id")
            rows = cursor.fetchall()[-3:]
        mark = {"pintail": {"session": session, "epoch": 1}}
        assert [(author, message) for author, message, _ in rows] == [(USER, None), ("Grace", "it's two"), (USER, None)]
        marks = [json.loads(extra) for *_, extra in rows]
        # That of a transaction has the receipt of its commit as well.
        assert [len(told["pintail"].pop("receipts", [])) for told in marks] == [0, 1, 0]
        assert marks == [mark, mark | {"extra_info": "more"}, mark]
        with pytest.raises(adbc.Error, match="plain text"):
            ask(connection, "CALL lake.set_commit_message(concat('a', 'b'), NULL)")
        # Upkeep changes no row, and needs nobody to answer for it.
        for upkeep in ("CALL ducklake_flush_inlined_data('lake')", "CALL ducklake_merge_adjacent_files('lake')", "CHECKPOINT"):
            ask(connection, upkeep)
        assert ask(connection, "SELECT sum(i) FROM t") == 6


def test_clients_reach_nothing_of_the_database_but_the_tables(cluster, lake):
    lake.psql("CREATE TABLE private AS SELECT 'private' AS s")
    with connect(cluster.nodes[0].uri, autocommit=True) as connection:
        ask(connection, "CREATE TABLE t AS SELECT 1 AS i")
        for sql in (
            "SELECT * FROM __ducklake_metadata_lake.public.private",
            "CREATE VIEW v AS SELECT * FROM __ducklake_metadata_lake.public.private; SELECT * FROM v",
            "CREATE OR REPLACE TEMP VIEW w AS SELECT * FROM __ducklake_metadata_lake.public.private; CREATE TABLE u AS FROM w",
            "PREPARE p AS SELECT * FROM __ducklake_metadata_lake.public.private; EXECUTE p",
            "CREATE TABLE u AS SELECT * FROM __ducklake_metadata_lake.public.private",
            "SET search_path = '__ducklake_metadata_lake.public'; SELECT * FROM private",
            "EXPLAIN ANALYZE SELECT * FROM __ducklake_metadata_lake.public.private",
            "COPY __ducklake_metadata_lake.public.private TO 'x.csv'",
            "SELECT (SELECT s FROM __ducklake_metadata_lake.public.private)",
            "INSERT INTO __ducklake_metadata_lake.public.private VALUES ('x')",
            "DROP TABLE __ducklake_metadata_lake.public.private",
            "CREATE TABLE __ducklake_metadata_lake.public.mine (i INTEGER)",
            "SELECT * FROM postgres_query('__ducklake_metadata_lake', 'SELECT * FROM private')",
            "CALL postgres_execute('__ducklake_metadata_lake', 'DROP TABLE private')",
            f"SELECT * FROM postgres_scan('{lake.database}', 'public', 'private')",
            f"SELECT * FROM postgres_scan_pushdown('{lake.database}', 'public', 'private')",
            f"CALL postgres_attach('{lake.database}')",
            "SELECT * FROM pg_clear_cache()",
            f"ATTACH '{lake.database}' AS mine (TYPE postgres)",
            "CREATE MACRO m() AS TABLE SELECT * FROM postgres_query('__ducklake_metadata_lake', 'SELECT 1'); FROM m()",
            f"COPY t TO '{lake.folder}/mine.parquet'",
            "CREATE TABLE memory.main.mine (i INTEGER)",
        ):
            with pytest.raises(adbc.Error) as refused:
                print(sql, ask(connection, sql))
            assert state(refused) in ("42501", "0A000", "42P01", "3D000", "3F000", "42601"), (sql, refused.value)
            assert SECRET not in str(refused.value)
        assert lake.psql("SELECT s FROM private") == "private"
        for sql in ("SELECT string_agg(path, ' ') FROM duckdb_databases()", "SELECT string_agg(secret_string, ' ') FROM duckdb_secrets()",
                    "SELECT string_agg(value, ' ') FROM duckdb_settings()"):
            assert SECRET not in str(ask(connection, sql)), sql
        assert ask(connection, "SELECT i FROM lake.main.t") == 1
        assert ask(connection, "SELECT count(*) FROM duckdb_tables() WHERE database_name <> 'lake'") == 0


def test_a_session_finds_its_tables_after_its_node_was_killed(cluster):
    with flight.FlightClient(cluster.nodes[0].uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1].decode()
    with resumed(cluster.nodes[0], token) as before, resumed(cluster.nodes[1], token) as after:
        ask(before, "CREATE SCHEMA mine; USE mine; CREATE TABLE t AS SELECT 1 AS i")
        ask(before, "BEGIN")
        ask(before, "INSERT INTO t VALUES (2)")
        cluster.nodes[0].kill()
        with pytest.raises(adbc.Error) as lost:
            ask(after, "COMMIT")
        assert state(lost) == "40001", lost.value
        ask(after, "INSERT INTO t VALUES (3)")
        assert ask(after, "SELECT string_agg(i, ',' ORDER BY i) FROM t") == "1,3"


def state(failed):
    """The SQLSTATE of an error, which the driver has in its text only."""
    return re.search(r"\[([0-9A-Z]{5})\]", str(failed.value)).group(1)


def commit(connection, outcome):
    try:
        ask(connection, "COMMIT")
        outcome.append("written")
    except adbc.Error as error:
        outcome.append(str(error))


def test_the_database_itself_refuses_the_commit_of_a_node_that_has_lost_the_session(cluster, lake, request):
    seeded(request)
    rounds = 200 if request.config.getoption("--long") else 20
    with flight.FlightClient(cluster.nodes[0].uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1].decode()
    (session,) = cluster.sessions()
    with contextlib.ExitStack() as stack:
        through = {node: stack.enter_context(resumed(node, token)) for node in cluster.nodes}
        ask(through[cluster.nodes[0]], "CREATE TABLE t (i INTEGER)")
        for number in range(rounds):
            zombie = wait_until(lambda: cluster.owner(session), "an owner")
            other = next(node for node in cluster.nodes if node is not zombie)
            ask(through[zombie], "BEGIN")
            ask(through[zombie], f"INSERT INTO t VALUES ({-1 - number})")
            outcome = []
            with lake.held("ducklake_snapshot_changes"):
                # The commit is with the database when its node is stopped, and rests there until it has lost the session.
                committer = threading.Thread(target=commit, args=(through[zombie], outcome))
                committer.start()
                wait_until(lambda: lake.waiting("ducklake_snapshot_changes"), "the commit")
                zombie.process.send_signal(signal.SIGSTOP)
                # The first call is told what became of the transaction.
                with contextlib.suppress(adbc.Error):
                    ask(through[other], "ROLLBACK")
                assert patiently(lambda: ask(through[other], f"SELECT {number}")) == number
                assert cluster.owner(session) is other
            wait_until(lambda: not lake.waiting("ducklake_snapshot_changes"), "the end of the commit")
            patiently(lambda: ask(through[other], f"INSERT INTO t VALUES ({number})"))
            assert ask(through[other], "SELECT count(*) FROM t WHERE i < 0") == 0, "a stopped node's commit was taken"
            zombie.process.send_signal(signal.SIGCONT)
            committer.join(PATIENCE)
            assert outcome and outcome != ["written"], "a node that had lost the session committed for it"
        assert ask(through[other], "SELECT count(*) FILTER (i < 0) || ',' || count(*) FROM t") == f"0,{rounds}"
    assert int(lake.psql("SELECT max(epoch) FROM pintail_lake.epochs")) == rounds + 1
    log = pathlib.Path(lake.postgres.folder, "log").read_text()
    said = [line for line in log.splitlines()
            if "was taken over" in line and "ERROR" in line or "could not serialize access due to concurrent update" in line]
    assert len(said) >= rounds, "something else than the epoch refused them"
    print(f"{rounds} of {rounds} commits of a stopped node were refused by the database")


def test_a_database_that_starts_anew_costs_no_session(cluster, lake, postgres):
    with flight.FlightClient(cluster.nodes[0].uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1]
    again = Writer(cluster, token)
    with connect(cluster.nodes[0].uri, autocommit=True) as connection:
        ask(connection, "CREATE TABLE t AS SELECT 1 AS i")
        ask(connection, "SET VARIABLE mine = 1")
        again.send("INSERT INTO t VALUES (4)", 1)
        postgres.stop(signal.SIGQUIT)
        # Sent with an id, again and again: what looks for its receipt finds the database again, too.
        sent, meanwhile = [], Writer(cluster, token)
        sender = threading.Thread(target=lambda: sent.append(meanwhile.send("INSERT INTO t VALUES (5)", 2)))
        sender.start()
        try:
            with pytest.raises(adbc.Error) as failed:
                ask(connection, "INSERT INTO t VALUES (2)")
            assert SECRET not in str(failed.value) and "INSERT INTO" not in str(failed.value), failed.value
        finally:
            postgres.start()
        # Not without an id: a try that failed may have been applied.
        assert again.send("INSERT INTO t VALUES (3)", 3)[0] == 1
        sender.join(PATIENCE)
        assert [changed for changed, _ in sent] == [1]
        assert again.send("INSERT INTO t VALUES (4)", 1)[0] == 1
        # Its node's lease ended with the database: until it has another, reads are to be sent again.
        assert patiently(lambda: ask(connection, "SELECT getvariable('mine')")) == 1
        assert patiently(lambda: ask(connection, "SELECT string_agg(i, ',' ORDER BY i) FROM t")) == "1,3,4,5"


def doctor(*arguments):
    """What `pintail doctor` says, by check."""
    done = subprocess.run([BINARY, "doctor", "--format", "json", *arguments], capture_output=True, text=True, timeout=DEADLINE,
                          env=environment())
    assert SECRET not in done.stdout + done.stderr
    return {row["check"]: row for row in json.loads(done.stdout)}


def test_doctor_looks_at_the_lake(lake, tmp_path):
    given = [*lake.arguments, "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    before = doctor(*given)
    assert before["lake catalog"]["state"] == "ok" and "first start" in before["lake catalog"]["advice"]
    assert not lake.folder.exists() and lake.psql("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'ducklake%'") == "0"
    server = Server(*lake.arguments)
    with connect(server.uri, autocommit=True) as connection:
        ask(connection, "CREATE TABLE t AS SELECT 1 AS i")
    after = doctor(*given)
    assert {after[check]["state"] for check in ("lake catalog", "lake files")} == {"ok"}, after
    server.stop()
    elsewhere = doctor(*(str(tmp_path) if word == str(lake.folder) else word for word in given))
    assert elsewhere["lake files"]["state"] == "fail" and str(lake.folder) in elsewhere["lake files"]["advice"]
    lake.folder.rename(tmp_path / "away")
    assert doctor(*given)["lake files"]["state"] == "fail"
    nowhere = doctor(*(word.replace("/d", "/nowhere") if word.startswith("ducklake:") else word for word in given))
    assert nowhere["lake catalog"]["state"] == "fail" and "nowhere" in nowhere["lake catalog"]["advice"]
    (tmp_path / "none").mkdir()
    bare = doctor(*(str(tmp_path / "none") if word == EXTENSIONS else word for word in given))
    assert bare["extension ducklake"]["state"] == "fail" and "pip install" in bare["extension ducklake"]["advice"]


def test_what_can_not_be_a_lake_is_said_at_the_start(lake, tmp_path, postgres):
    def refused(*arguments):
        (tmp_path / "password").write_text(PASSWORD)
        done = subprocess.run([BINARY, "serve", "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--http",
                               "127.0.0.1:0", "--password-file", str(tmp_path / "password"), *arguments],
                              capture_output=True, text=True, timeout=DEADLINE, env=environment())
        assert done.returncode != 0 and SECRET not in done.stderr + done.stdout
        return done.stderr

    database, data_path = lake.arguments[:2], ["--data-path", str(lake.folder)]
    extensions = ["--extension-dir", EXTENSIONS]
    assert "duckdb-extension-ducklake" in refused(*database, *data_path, "--extension-dir", str(tmp_path))
    assert "--data-path" in refused(*database, *extensions)
    assert "nobody-is-there" in refused("--database", f"ducklake:postgres:host=nobody-is-there password={SECRET}", *data_path,
                                        *extensions)
    assert "--data-path" in refused(*data_path)
    assert "--session-max-age" in refused(*database, *data_path, *extensions, "--session-max-age", "60d")
    assert "--database" in refused("--database", "ducklake:metadata.ducklake")


def test_files_may_be_in_an_object_store(postgres, lake, s3, tmp_path):
    (s3.root / "bucket").mkdir()
    config = tmp_path / "pintail.toml"
    config.write_text("\n".join(s3.secret("files")))
    arguments = ["--config", str(config), *lake.arguments[:2], *lake.arguments[4:], "--data-path", "s3://bucket/lake",
                 "--data-path-secret", "files"]
    checks = doctor(*arguments, "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    assert checks["lake files"]["state"] == "ok", checks
    assert not list((s3.root / "bucket").rglob("pintail-doctor*"))
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0, arguments=arguments)
    one, other = (connect(node.uri, autocommit=True) for node in cluster.nodes)
    with one, other:
        ask(one, "CREATE TABLE t AS SELECT range AS i FROM range(100_000)")
        assert list((s3.root / "bucket/lake").rglob("*.parquet"))
        assert ask(other, "SELECT sum(i) FROM t") == 4_999_950_000
        ask(other, "DELETE FROM t WHERE i % 2 = 0")
        assert ask(one, "SELECT count(*) FROM t") == 50_000
        with pytest.raises(adbc.Error):
            ask(one, "SELECT count(*) FROM read_parquet('s3://bucket/elsewhere/*.parquet')")
    cluster.close(expected=EXPECTED)
    for node in cluster.nodes:
        assert KEY not in "".join(node.log)
    config.write_text("\n".join(s3.secret("files", "wrong/key")))
    refused = doctor(*arguments, "--data-dir", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
    assert refused["lake files"]["state"] == "fail" and "wrong/key" not in str(refused)


class Writer:
    """A session that sends each write until it is answered, to whichever node, always with the same id."""

    def __init__(self, cluster, token):
        self.cluster, self.token, self.clients = cluster, token, {}

    def send(self, sql, number):
        """How many rows the write changed, by the first answer that comes; and how often it was sent."""
        headers = [(b"authorization", self.token), (b"x-pintail-request-id", str(uuid.UUID(int=number)).encode())]
        end = time.monotonic() + PATIENCE
        for tries in itertools.count(1):
            node = self.cluster.nodes[tries % len(self.cluster.nodes)]
            if node.uri not in self.clients:
                self.clients[node.uri] = flight.FlightClient(node.uri, generic_options=[("grpc.use_local_subchannel_pool", 1)])
            try:
                command = flight_sql.command("CommandStatementUpdate", flight_sql.field(1, sql))
                options = flight.FlightCallOptions(headers=headers, timeout=DEADLINE)
                writer, answers = self.clients[node.uri].do_put(command, pyarrow.schema([]), options)
                with writer:
                    writer.done_writing()
                    answer = answers.read()
                return flight_sql.fields(answer.to_pybytes()).get(1, [0])[0], tries
            except (flight.FlightError, pyarrow.ArrowException, AttributeError) as error:
                final = "Unauthenticated" in str(error) or "used for another write" in str(error)
                assert not final and time.monotonic() < end, error
                self.clients.pop(node.uri).close()
                time.sleep(0.02)


def test_a_write_that_came_through_unseen_is_not_applied_again(cluster, lake):
    with flight.FlightClient(cluster.nodes[0].uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1]
    (session,) = cluster.sessions()
    writer = Writer(cluster, token)
    writer.send("CREATE TABLE t (i INTEGER)", 1)
    # As if a commit of an earlier try had rested in the database, and came through after the node had looked.
    lake.psql("INSERT INTO pintail_lake.receipts (session, request, digest, changed, returned_rows) "
              f"VALUES ('{session}', '{uuid.UUID(int=2)}', 'of another', 1, false)")
    with pytest.raises(AssertionError, match="request id"):
        writer.send("INSERT INTO t VALUES (1)", 2)
    assert writer.send("INSERT INTO t VALUES (2)", 3)[0] == 1
    with resumed(cluster.nodes[0], token.decode()) as connection:
        assert ask(connection, "SELECT string_agg(i, ',') FROM t") == "2"


def test_receipts_and_owners_that_nobody_can_ask_for_any_more_are_removed(cluster, lake):
    with flight.FlightClient(cluster.nodes[0].uri) as client:
        writer = Writer(cluster, client.authenticate_basic_token(USER, PASSWORD)[1])
    (session,) = cluster.sessions()
    writer.send("CREATE TABLE t (i INTEGER)", 1)
    for days in (59, 61):
        lake.psql(f"INSERT INTO pintail_lake.epochs (session, epoch, since) VALUES ('s{days}', 1, now() - interval '{days} days')")
        lake.psql("INSERT INTO pintail_lake.receipts (session, request, digest, changed, returned_rows, written_at) "
                  f"VALUES ('s{days}', '{uuid.UUID(int=2)}', '', 1, false, now() - interval '{days} days')")

    def known(table):
        return lake.psql(f"SELECT string_agg(DISTINCT session, ' ' ORDER BY session) FROM pintail_lake.{table} WHERE session <> '{session}'")

    assert known("receipts") == known("epochs") == "s59 s61"
    # It is done by a commit now and then, at random.
    for number in range(10, 3_000):
        writer.send(f"INSERT INTO t VALUES ({number})", number)
        if known("receipts") == "s59":
            break
    assert known("receipts") == known("epochs") == "s59"
    assert writer.send("CREATE TABLE t (i INTEGER)", 1) is not None, "what may be asked for is there"


def test_rows_that_a_write_returned_come_again_from_any_node(cluster, lake):
    with flight.FlightClient(cluster.nodes[0].uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1]

    def send(node, sql, number):
        headers = [(b"authorization", token), (b"x-pintail-request-id", str(uuid.UUID(int=number)).encode())]
        options = flight.FlightCallOptions(headers=headers, timeout=DEADLINE)
        with flight.FlightClient(node.uri, generic_options=[("grpc.use_local_subchannel_pool", 1)]) as client:
            info = client.get_flight_info(flight_sql.query(sql), options)
            return client.do_get(info.endpoints[0].ticket, options).read_all()

    send(cluster.nodes[0], "CREATE TABLE t (i INTEGER)", 1)
    sql = "INSERT INTO t SELECT range FROM range(7); SELECT i, 'row ' || i AS text, random() AS chance FROM t"
    first = send(cluster.nodes[0], sql, 2)
    assert first.num_rows == 7
    cluster.nodes[0].kill()
    again = patiently(lambda: send(cluster.nodes[1], sql, 2), (flight.FlightError, pyarrow.ArrowException))
    assert again.equals(first)
    # They are with the receipt, and not in what the lake keeps of its commits for good.
    with resumed(cluster.nodes[1], token.decode()) as connection:
        marks = ask(connection, "SELECT string_agg(commit_extra_info, '') FROM lake.snapshots()")
        assert ask(connection, "SELECT count(*) FROM t") == 7
    assert str(uuid.UUID(int=2)) in marks and "rows\": \"" not in marks and "rows\":\"" not in marks


def test_a_write_that_is_sent_again_to_any_node_is_applied_once(postgres, lake, request):
    chance = seeded(request)
    rounds = 300 if request.config.getoption("--long") else 30
    cluster = Cluster(postgres.new_database(), nodes=3, lease=1.0, arguments=lake.arguments)
    with flight.FlightClient(cluster.nodes[0].uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1]
    (session,) = cluster.sessions()
    writer = Writer(cluster, token)
    writer.send("CREATE TABLE t (i INTEGER)", 1)
    again = 0
    for number in range(rounds):
        owner = wait_until(lambda: cluster.owner(session), "an owner")
        # Some time between its being sent and its being answered, the node that runs it dies.
        killer = threading.Timer(chance.random() * 0.04, owner.kill)
        killer.start()
        sql = f"INSERT INTO t VALUES ({number}), ({number})" if number % 2 else f"UPDATE t SET i = i + 0; INSERT INTO t VALUES ({number})"
        changed, tries = writer.send(sql, number + 2)
        again += tries > 1
        killer.join()
        assert changed == 2 if number % 2 else True
        # Once more, when it was answered.
        assert writer.send(sql, number + 2)[0] == changed
        index = cluster.nodes.index(owner)
        owner.folder.cleanup()
        cluster.nodes[index] = cluster.node(index, "both", *lake.arguments)
    with resumed(cluster.nodes[0], token.decode()) as connection:
        wrong = "SELECT string_agg(i, ',') FROM (SELECT i FROM t GROUP BY i HAVING count(*) <> CASE WHEN i % 2 = 1 THEN 2 ELSE 1 END)"
        assert patiently(lambda: ask(connection, wrong)) is None
        assert ask(connection, "SELECT count(DISTINCT i) FROM t") == rounds
    print(f"{again} of {rounds} writes were sent again after a kill")
    cluster.close(expected=(*EXPECTED, "through the server's fault"))
