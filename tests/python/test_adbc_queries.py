"""The released ADBC driver where queries take long: incremental execution, partitions, cancelling, and a timeout."""

import threading

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pyarrow as pa
import pytest

from conftest import adbc_connection
from drivers import capability
from flight_sql import Session
from pintail_process import DEADLINE, wait_until

DRIVER = "ADBC Python"
OPTIONS = adbc_driver_flightsql.StatementOptions
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


@capability(DRIVER, "poll: incremental execution", "partition: execute")
def test_a_read_is_one_partition(session):
    with session.cursor() as cursor:
        partition, = partitions(cursor, "SELECT range AS i FROM range(100000)")
        cursor.adbc_read_partition(partition)
        table = cursor.fetch_arrow_table()
    assert table.schema.names == ["i"] and table.num_rows == 100_000


@capability(DRIVER, "partition: execute", "statement: schema known only after a run")
def test_what_has_columns_only_after_a_run_is_a_partition_too(session):
    with session.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE trees AS FROM (VALUES (2020, 'oak', 1), (2021, 'ash', 2)) t(y, tree, n)")
        (partition,), schema = cursor.adbc_execute_partitions("PIVOT trees ON tree USING sum(n) ORDER BY y")
        assert schema.names == ["y", "ash", "oak"]
        cursor.adbc_read_partition(partition)
        assert cursor.fetchall() == [(2020, None, 1), (2021, 2, None)]


@capability(DRIVER, "poll: change made once")
def test_a_change_is_made_once_while_it_is_polled(session):
    with session.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE polled (i BIGINT)")
        for partition in partitions(cursor, "INSERT INTO polled SELECT * FROM range(3000000)"):
            cursor.adbc_read_partition(partition)
            cursor.fetch_arrow_table()
    with session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM polled")
        assert cursor.fetchall() == [(3_000_000,)]


@capability(DRIVER, "partition: read again")
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


@capability(DRIVER, "timeout: of the session")
def test_a_statement_timeout_of_the_session_ends_a_statement(server):
    options = {adbc_driver_flightsql.ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value + "pintail.statement_timeout": "200ms"}
    with adbc_connection(server, autocommit=True, conn_kwargs=options) as connection, connection.cursor() as cursor:
        with pytest.raises(adbc_driver_manager.Error, match="200ms"):
            cursor.execute(BLOCKED)
            cursor.fetchall()
        cursor.execute("SELECT 42")
        assert cursor.fetchall() == [(42,)]


@capability(DRIVER, "timeout: of the fetch", "timeout: of the statement", "timeout: of an update")
@pytest.mark.parametrize("option, sql", [
    (OPTIONS.TIMEOUT_FETCH, BLOCKED),
    # It runs before its rows are fetched, since it changes something.
    (OPTIONS.TIMEOUT_QUERY, f"INSERT INTO never {BLOCKED} RETURNING n"),
    (OPTIONS.TIMEOUT_UPDATE, f"INSERT INTO never {BLOCKED}"),
])
def test_a_timeout_of_the_driver_ends_the_statement_in_the_server(server, session, option, sql):
    with session.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS never (n BIGINT)")
    with session.cursor() as cursor:
        cursor.adbc_statement.set_options(**{option.value: "0.3"})
        # By the driver's clock or by the server's, whichever is first.
        with pytest.raises(adbc_driver_manager.OperationalError, match="(?i)the time that the client gave the call is over|deadline exceeded"):
            cursor.execute(sql)
            cursor.fetchall()
    wait_until(lambda: not server.busy(), "the end of the statement")
    with session.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM never")
        assert cursor.fetchall() == [(0,)]


@pytest.mark.parametrize("option", [OPTIONS.TIMEOUT_FETCH, OPTIONS.TIMEOUT_QUERY, OPTIONS.TIMEOUT_UPDATE])
@pytest.mark.parametrize("value", ["-1", "soon", "nan"])
def test_a_timeout_that_is_none_is_refused_by_the_driver(session, option, value):
    with session.cursor() as cursor, pytest.raises(adbc_driver_manager.ProgrammingError):
        cursor.adbc_statement.set_options(**{option.value: value})


def cancelled(server, cursor, run):
    """What comes of `run` when its cursor is cancelled from another thread while the server computes."""
    running = threading.Event()

    def cancel():
        running.wait(DEADLINE)
        wait_until(lambda: server.busy(), "the statement")
        cursor.adbc_cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        running.set()
        with pytest.raises(adbc_driver_manager.Error, match="(?i)cancel") as caught:
            run()
    finally:
        thread.join()
    wait_until(lambda: not server.busy(), "the end of the statement")
    return caught.value


@capability(DRIVER, "cancel: from another thread")
@pytest.mark.parametrize("sql", [BLOCKED, f"CREATE TABLE never_made AS {BLOCKED}"])
def test_a_statement_that_is_cancelled_stops_in_the_server_and_its_session_goes_on(server, session, sql):
    with session.cursor() as cursor:
        def run():
            cursor.execute(sql)
            cursor.fetchall()

        assert cancelled(server, cursor, run).status_code == adbc_driver_manager.AdbcStatusCode.CANCELLED
        cursor.execute("SELECT 42")
        assert cursor.fetchall() == [(42,)]
    with session.cursor() as cursor, pytest.raises(adbc_driver_manager.Error, match="42P01"):
        cursor.execute("SELECT * FROM never_made")


@capability(DRIVER, "cancel: by closing an unread result")
def test_a_cursor_that_closes_ends_its_statement(server, session):
    with session.cursor() as cursor:
        cursor.execute("SELECT sin(a.i) + b.i FROM range(100000000) a(i), range(100000) b(i)")
        cursor.fetchone()
    wait_until(lambda: not server.busy(), "the end of the statement")
    with session.cursor() as cursor:
        cursor.execute("SELECT 42")
        assert cursor.fetchall() == [(42,)]


@capability(DRIVER, "poll: progress")
def test_a_statement_that_is_done_says_so_in_its_progress(session):
    with session.cursor() as cursor:
        statement = cursor.adbc_statement
        statement.set_options(**{INCREMENTAL: "true"})
        statement.set_sql_query("CREATE OR REPLACE TABLE done AS FROM range(100000)")
        found, _, _ = statement.execute_partitions()
        assert (len(found), statement.get_option_float(adbc_driver_manager.StatementOptions.PROGRESS.value)) == (1, 1.0)


@capability(DRIVER, "poll: incremental execution")
def test_a_statement_that_fails_while_it_is_polled_says_why(session):
    with session.cursor() as cursor, pytest.raises(adbc_driver_manager.Error, match="22P02"):
        partitions(cursor, "CREATE TABLE failing AS SELECT 'x'::INTEGER AS i FROM range(3)")


@capability(DRIVER, "partition: read from another connection")
def test_a_partition_is_read_by_any_connection_of_its_session(server):
    owner = Session(server)
    token = {adbc_driver_flightsql.DatabaseOptions.AUTHORIZATION_HEADER.value: owner.header[1].decode()}
    with (adbc.connect(server.uri, db_kwargs=token, autocommit=True) as one,
          adbc.connect(server.uri, db_kwargs=token, autocommit=True) as other,
          one.cursor() as cursor, other.cursor() as reader):
        (partition,), _ = cursor.adbc_execute_partitions("SELECT range AS i FROM range(100000)")
        reader.adbc_read_partition(partition)
        assert reader.fetch_arrow_table().num_rows == 100_000
    owner.client.close()


@capability(DRIVER, "error: details")
def test_an_error_has_its_code_and_its_place_beside_the_message(session):
    with session.cursor() as cursor, pytest.raises(adbc_driver_manager.ProgrammingError) as caught:
        cursor.execute("SELECT * FROM nowhere")
    details = dict(caught.value.details)
    assert details[b"x-pintail-sqlstate"] == b"42P01"
    assert details[b"x-pintail-code"] == b"STATEMENT_FAILED"
    assert b"position" in details[b"grpc-status-details-bin"]
