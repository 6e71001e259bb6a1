"""`pintail sql`, as scripts use it and as somebody types."""

import csv
import io
import json
import signal
import stat
import subprocess
import time

import pytest

from cluster import EXPECTED, Cluster
from pintail_process import DEADLINE, FLIGHTS, PASSWORD, USER, environment, free_port, wait_until
from shell import PROMPT, Terminal, arguments, sql
from test_tls import certificates, server_arguments  # noqa: F401 (a fixture)


def printed(done):
    """What a command printed that succeeded."""
    assert done.returncode == 0, done.stderr
    return done.stdout


def sessions(server):
    """The sessions of a server's store that have not ended."""
    done = subprocess.run([arguments()[0], "sessions", "ls", "--format", "json", "--data-dir", f"{server.folder.name}/data"],
                          capture_output=True, text=True, timeout=DEADLINE, env=environment())
    return [row["id"] for row in json.loads(printed(done)) if row["state"] == "active"]


def test_statements_are_run_in_order_and_rows_go_to_standard_output(server, tmp_path):
    (tmp_path / "more.sql").write_text("INSERT INTO t\nVALUES (2), (3);\nSELECT sum(i) AS sum FROM t")
    done = sql(server, given=["-c", "CREATE TEMP TABLE t AS SELECT 1 AS i; SELECT ';' AS s", "-f", "more.sql", "-c", "SELECT 4 AS i"],
               folder=tmp_path)
    assert printed(done) == " s\n---\n ;\n sum\n-----\n   6\n i\n---\n 4\n"
    assert "2 rows changed" in done.stderr and "(1 row)" in done.stderr


def test_standard_input_is_read_statement_by_statement(server):
    assert printed(sql(server, text="SET VARIABLE x = 42;\nSELECT getvariable('x')\n  AS x;", given=["--format", "csv"])) == "x\r\n42\r\n"
    assert printed(sql(server, text="SELECT 1 AS a;", given=["-f", "-", "--format", "csv"])) == "a\r\n1\r\n"


def test_json_and_csv_have_every_value(server):
    query = """SELECT 1 AS i, 1.50::DECIMAL(4,2) AS d, 'a,"b' AS s, NULL AS n, [1, NULL] AS l, {'x': '1'} AS r,
               MAP {'k': true} AS m, '01234567-89ab-cdef-0123-456789abcdef'::UUID AS u, '' AS e, 'nan'::DOUBLE AS f,
               TIMESTAMP '2013-07-01 12:00:00.5' AS t, 170141183460469231731687303715884105727::UHUGEINT AS h"""
    [row] = json.loads(printed(sql(server, given=["--format", "json", "-c", query])), parse_float=str)
    assert row == {"i": 1, "d": "1.50", "s": 'a,"b', "n": None, "l": [1, None], "r": {"x": "1"}, "m": {"k": True},
                   "u": "01234567-89ab-cdef-0123-456789abcdef", "e": "", "f": "NaN", "t": "2013-07-01 12:00:00.500",
                   "h": 170141183460469231731687303715884105727}
    rows = list(csv.DictReader(io.StringIO(printed(sql(server, given=["--format", "csv", "-c", query])))))
    assert [(row["s"], row["n"], row["u"], row["l"]) for row in rows] == [
        ('a,"b', "", "01234567-89ab-cdef-0123-456789abcdef", "[1, NULL]")]


def test_many_rows_are_all_there(server):
    rows = list(csv.reader(io.StringIO(printed(sql(server, given=["--format", "csv", "-c", "FROM range(300000)"])))))
    assert rows[1:] == [[str(number)] for number in range(300_000)]


def test_a_failed_statement_ends_a_script_and_is_shown_with_its_place(server):
    done = sql(server, given=["-c", "SELECT 1 AS a;\nSELECT\n  nothing FROM flights;\nSELECT 3"])
    assert done.returncode == 1 and done.stdout == " a\n---\n 1\n"
    assert "SQLSTATE 42703" in done.stderr, done.stderr
    assert "    nothing FROM flights\n    ^\n" in done.stderr, done.stderr


@pytest.mark.parametrize("given, said", [
    (["--format", "xml"], "xml"),
    (["http://127.0.0.1:1"], "grpc://"),
    (["grpc://10.0.0.1:1"], "--insecure"),
    (["grpc://ada:secret@127.0.0.1:1"], "--user"),
    (["--deadline", "soon"], "soon"),
    (["--tls-client-cert", "x.pem"], "--tls-client-key"),
])
def test_wrong_usage_is_told_with_status_2(given, said):
    done = sql(given=given, text="SELECT 1")
    assert done.returncode == 2 and said in done.stderr and "secret" not in done.stderr, done.stderr


def test_a_wrong_password_and_a_missing_one(server, tmp_path):
    done = sql(server, given=["-c", "SELECT 1"], variables={"PINTAIL_PASSWORD": "no such"})
    assert done.returncode == 1 and "CREDENTIALS_WRONG, SQLSTATE 28P01" in done.stderr and "no such" not in done.stderr, done.stderr
    done = sql(server, given=["-c", "SELECT 1"], variables={}, folder=tmp_path)
    assert done.returncode == 2 and "--password-file" in done.stderr
    (tmp_path / "password").write_text(PASSWORD + "\n")
    assert printed(sql(server, given=["-c", "SELECT 1 AS a", "--password-file", "password"], variables={}, folder=tmp_path))


def test_what_a_server_left_in_its_data_directory_is_enough(start, tmp_path):
    server = start()
    folder = tmp_path / "pintail-data"
    folder.mkdir()
    (folder / "initial-password").write_text(PASSWORD)
    assert printed(sql(server, given=["-c", "SELECT 1 AS a"], variables={}, folder=tmp_path)) == " a\n---\n 1\n"


def test_a_server_that_is_not_there_is_told_in_time():
    begun = time.monotonic()
    done = sql(f"grpc://127.0.0.1:{free_port()}", given=["-c", "SELECT 1", "--connect-timeout", "1s"])
    assert done.returncode == 1 and "CONNECTION_FAILED" in done.stderr and "can't be reached" in done.stderr
    assert time.monotonic() - begun < DEADLINE / 2


def test_the_session_ends_with_the_command_or_is_handed_on(start, tmp_path):
    server = start()
    sql(server, given=["-c", "SELECT 1"])
    assert sessions(server) == []
    with Terminal(server, folder=tmp_path) as terminal:
        terminal.run("SET VARIABLE mine = 7;", "done")
        terminal.run("\\token kept", "pintail sql --token-file kept")
        assert terminal.end() == 0
    token = tmp_path / "kept"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    [session] = sessions(server)
    for _ in range(2):
        done = sql(server, given=["-c", "SELECT getvariable('mine') AS mine", "--token-file", token], variables={})
        assert printed(done) == " mine\n------\n    7\n"
        assert sessions(server) == [session], "it goes on, and stays"
    token.write_text("pts1.0000.0000\n")
    done = sql(server, given=["-c", "SELECT 1", "--token-file", token], variables={})
    assert done.returncode == 1 and "TOKEN" in done.stderr


def test_variables_of_the_shell_do_not_keep_a_server_from_starting(start):
    server = start()
    server.kill()
    server.environment = {"PINTAIL_URI": "grpc://127.0.0.1:1", "PINTAIL_PASSWORD": "x", "PINTAIL_TLS_CA": "/x"}
    server.start()
    variables = {"PINTAIL_URI": server.uri, "PINTAIL_PASSWORD": PASSWORD}
    assert printed(sql(given=["-c", "SELECT 1 AS a"], variables=variables)) == " a\n---\n 1\n"


def test_tls_is_checked(start, certificates):  # noqa: F811
    server = start(*server_arguments(certificates), "--tls-client-ca", certificates / "ca.pem")
    ours = ["--tls-ca", certificates / "ca.pem", "--tls-client-cert", certificates / "client.pem",
            "--tls-client-key", certificates / "client.key"]
    assert printed(sql(server, given=[*ours, "-c", "SELECT 1 AS a"])) == " a\n---\n 1\n"
    for few in [ours[:2], ours[2:]]:
        done = sql(server, given=[*few, "-c", "SELECT 1", "--connect-timeout", "1s"])
        assert done.returncode == 1 and "CONNECTION_FAILED" in done.stderr and "certificate" in done.stderr.lower(), done.stderr


def test_the_reader_of_the_output_may_have_enough(server):
    begun = subprocess.Popen([*arguments(server), "--format", "csv", "-c", "FROM range(1000000000)"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=environment() | {"PINTAIL_PASSWORD": PASSWORD})
    assert begun.stdout.readline() == b"range\r\n"
    begun.stdout.close()
    assert begun.wait(DEADLINE) == 0 and begun.stderr.read() == b""
    begun.stderr.close()


ENDLESS = "SELECT count(*) FROM range(10000000000) a, range(1000000) b"


def test_an_interrupt_cancels_the_statement_of_a_script(start):
    server = start()
    begun = subprocess.Popen([*arguments(server), "-c", ENDLESS, "-c", "SELECT 1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=environment() | {"PINTAIL_PASSWORD": PASSWORD}, text=True)
    wait_until(server.busy, "the statement")
    begun.send_signal(signal.SIGINT)
    out, err = begun.communicate(timeout=DEADLINE)
    assert begun.returncode == 1 and out == "" and "STATEMENT_CANCELLED" in err, err
    wait_until(lambda: not server.busy(), "the end of the statement")


def test_statements_are_typed_over_lines_and_kept_in_a_history(server, tmp_path):
    with Terminal(server, folder=tmp_path) as terminal:
        terminal.process.send("SELECT 6 *\r")
        terminal.process.send("7 AS answer;\r")
        terminal.expect(" answer")
        terminal.expect("42")
        terminal.expect("(1 row)")
        terminal.expect(PROMPT)
        terminal.run("SELECT 'password' AS hidden;", "(1 row)")
        terminal.run("SELEKT;", "error:", "SQLSTATE 42601")
        terminal.run("\\nothing", "there is no command")
        terminal.run("BEGIN; ROLLBACK;", "done", "done")
        terminal.send("BEGIN;")
        terminal.expect("pintail*> ")
        assert terminal.end() == 0
    assert "answer" in terminal.history and "SELEKT" in terminal.history and "password" not in terminal.history
    assert stat.S_IMODE((tmp_path / "pintail/sql_history").stat().st_mode) & 0o077 == 0
    with Terminal(server, folder=tmp_path) as terminal:
        terminal.process.send("\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A")
        terminal.expect("answer")


def test_names_are_completed(server, tmp_path):
    with Terminal(server, folder=tmp_path) as terminal:
        terminal.process.send("SELECT count(*) AS n FROM airl\t;\r")
        terminal.expect("16")
        terminal.expect(PROMPT)
        terminal.run("CREATE TEMP TABLE just_made AS SELECT 5 AS the_column;")
        terminal.process.send("SELECT just_made.the\t FROM just\t;\r")
        terminal.expect("the_column")
        terminal.expect("(1 row)")


def test_commands_describe_and_change_what_is_shown(server, tmp_path):
    (tmp_path / "script").write_text("SELECT 1 AS one; SELECT 2 AS two;")
    (tmp_path / "failing").write_text("SELECT 1; SELEKT; SELECT 'never' AS x;")
    with Terminal(server, folder=tmp_path, size=(60, 100)) as terminal:
        terminal.run("\\?", "\\token FILE")
        terminal.run("\\d", "airlines", "flights")
        terminal.run("\\d airlines", "carrier", "VARCHAR")
        terminal.run("\\d nothing", "there is no table nothing")
        terminal.run("\\x", "a column a line")
        terminal.run("SELECT 1 AS a, NULL AS b;", "-[ row 1 ]", "a | 1", "b | NULL")
        terminal.run("\\format json")
        terminal.run("SELECT 1 AS a;", '[{"a":1}]')
        terminal.run("\\format table")
        terminal.run("\\timing", "timing is on")
        terminal.run("SELECT 1 AS a;", "(1 row), 0.")
        terminal.run("\\i script", "one", "two")
        terminal.run("\\i failing", "SQLSTATE 42601")
        terminal.run("\\i missing", "cannot read missing")
        terminal.run("\\session", "id:", "server:")
        terminal.run("SET VARIABLE mine = 1;")
        terminal.run("\\connect", "a new session")
        terminal.run("SELECT getvariable('mine') AS mine;", "NULL")
        terminal.send("\\q")
        terminal.process.wait()
        assert "never" not in terminal.log.read_text()


def test_an_interrupt_cancels_what_runs_and_the_shell_goes_on(start, tmp_path):
    server = start()
    with Terminal(server, folder=tmp_path) as terminal:
        terminal.run("CREATE TEMP TABLE mine AS SELECT 5 AS i;")
        terminal.send(f"{ENDLESS};")
        wait_until(server.busy, "the statement")
        terminal.expect("running,")
        terminal.process.sendintr()
        terminal.expect("STATEMENT_CANCELLED")
        terminal.expect(PROMPT)
        terminal.run("SELECT i * 2 AS twice FROM mine;", "10")


def test_long_results_go_to_a_pager(server, tmp_path):
    seen = tmp_path / "seen"
    with Terminal(server, folder=tmp_path, variables={"PAGER": f"cat > {seen}"}) as terminal:
        terminal.run("FROM range(5);", "(5 rows)")
        assert not seen.exists()
        terminal.run("FROM range(5000);", "(5000 rows)")
        assert seen.read_text().splitlines()[-1].strip() == "4999"
        seen.unlink()
        terminal.run("SELECT repeat('x', 200) AS wide;", "(1 row)")
        assert "x" * 200 in seen.read_text()
        terminal.run("\\pager off", "pager is off")
        seen.unlink()
        terminal.run("FROM range(50);", "49", "(50 rows)")
        assert not seen.exists()


def test_a_pager_that_is_left_ends_the_statement(start, tmp_path):
    server = start()
    with Terminal(server, folder=tmp_path, variables={"LESS": ""}) as terminal:
        terminal.send("FROM range(100000000000);")
        terminal.expect(" 10")
        terminal.process.send("q")
        terminal.expect(PROMPT)
        wait_until(lambda: not server.busy(), "the end of the statement")
        terminal.run("SELECT 'on' AS goes;", "on")


def test_a_session_goes_on_when_its_node_is_killed(postgres, tmp_path):
    cluster = Cluster(postgres.new_database(), lease=1.5, arguments=("--spool", str(tmp_path / "spool")))
    try:
        with Terminal(*cluster.nodes, folder=tmp_path) as terminal:
            terminal.run("CREATE TEMP TABLE mine AS SELECT 5 AS i;")
            [session] = cluster.sessions()
            for _ in range(2):
                node = cluster.owner(session)
                node.kill()
                terminal.run("SELECT i * 2 AS twice FROM mine;", "10", "the session goes on at grpc://")
                terminal.run("INSERT INTO mine VALUES (6);", "1 row changed")
                terminal.run("DELETE FROM mine WHERE i = 6;", "1 row changed")
                node.start()
            # A result whose node dies in the middle of it.
            terminal.run("\\format csv")
            node = cluster.owner(session)
            terminal.send("SELECT i FROM range(3000000) t(i) WHERE i % 1000 = 0 OR hash(i) = 7;")
            terminal.expect("\r\n1000")
            node.kill()
            terminal.expect("2999000")
            terminal.expect(PROMPT)
            numbers = [line.strip() for line in terminal.log.read_text().splitlines()]
            numbers = [int(line) for line in numbers if line.isdigit() and int(line) % 1000 == 0]
            assert numbers[-3000:] == list(range(0, 3_000_000, 1000))
            node.start()
            assert terminal.end() == 0
    finally:
        cluster.close(expected=EXPECTED)
