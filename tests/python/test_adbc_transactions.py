"""Transactions by the released ADBC driver: what an error leaves, what others see, and transactions by SQL text."""

import adbc_driver_manager
import pytest

from conftest import adbc_connection
from drivers import capability
from pintail_process import wait_until

DRIVER = "ADBC Python"
ISOLATION = adbc_driver_manager.ConnectionOptions.ISOLATION_LEVEL.value


def run(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


@pytest.fixture
def one(server):
    with adbc_connection(server) as connection:
        run(connection, "CREATE OR REPLACE TABLE t (i INTEGER PRIMARY KEY)")
        run(connection, "INSERT INTO t VALUES (1)")
        connection.commit()
        yield connection
        connection.rollback()


@pytest.fixture
def other(server):
    with adbc_connection(server) as connection:
        yield connection


@capability(DRIVER, "transaction: not seen by others before its commit")
def test_a_transaction_sees_its_own_changes_and_none_that_others_make_meanwhile(one, other):
    assert run(other, "SELECT i FROM t") == [(1,)]
    run(one, "INSERT INTO t VALUES (2)")
    assert run(one, "SELECT count(*) FROM t") == [(2,)]
    assert run(other, "SELECT count(*) FROM t") == [(1,)]
    one.commit()
    assert run(other, "SELECT count(*) FROM t") == [(1,)], "its snapshot is that of its first statement"
    other.commit()
    assert run(other, "SELECT count(*) FROM t") == [(2,)]


@capability(DRIVER, "transaction: aborted by an error until rolled back")
def test_a_transaction_that_failed_says_so_until_it_is_rolled_back(one):
    run(one, "INSERT INTO t VALUES (2)")
    with pytest.raises(adbc_driver_manager.Error, match="23505"):
        run(one, "INSERT INTO t VALUES (1)")
    for sql in ["SELECT 1", "INSERT INTO t VALUES (3)", "CREATE TABLE never (i INTEGER)"]:
        with pytest.raises(adbc_driver_manager.Error, match="25P02.*ROLLBACK"):
            run(one, sql)
    one.rollback()
    assert run(one, "SELECT i FROM t") == [(1,)]
    run(one, "INSERT INTO t VALUES (4)")
    one.commit()
    assert run(one, "SELECT max(i) FROM t") == [(4,)]


@capability(DRIVER, "transaction: aborted by an error until rolled back")
def test_a_commit_that_keeps_nothing_is_an_error(server, one):
    with adbc_connection(server) as connection:
        run(connection, "INSERT INTO t VALUES (2)")
        with pytest.raises(adbc_driver_manager.Error, match="23505"):
            run(connection, "INSERT INTO t VALUES (1)")
        try:
            with pytest.raises(adbc_driver_manager.Error, match="rolled back"):
                connection.commit()
        finally:
            assert run(one, "SELECT i FROM t") == [(1,)]


@capability(DRIVER, "statement: result left unread")
def test_a_result_that_is_left_half_read_does_not_fail_its_transaction(server, one):
    # Its first rows come at once, its last one after hours.
    endless = "SELECT i FROM range(100000000000) t(i) WHERE i < 100000 OR i % 100000000000 = 99999999999"
    run(one, "INSERT INTO t VALUES (2)")
    with one.cursor() as cursor:
        cursor.execute(endless)
        assert cursor.fetchone() == (0,)
        wait_until(lambda: server.busy(), "the search for the last row")
    one.commit()
    assert run(one, "SELECT max(i) FROM t") == [(2,)]


def test_a_statement_that_is_wrong_before_it_runs_does_not_fail_its_transaction(one):
    run(one, "INSERT INTO t VALUES (2)")
    for sql in ["SELEC", "SELECT * FROM nowhere", "SELECT no_column FROM t"]:
        with pytest.raises(adbc_driver_manager.Error, match="42"):
            run(one, sql)
    one.commit()
    assert run(one, "SELECT count(*) FROM t") == [(2,)]


@capability(DRIVER, "error: status")
def test_two_that_change_the_same_row_conflict_and_one_of_them_goes_on(one, other):
    assert run(other, "SELECT count(*) FROM t") == [(1,)]
    run(one, "UPDATE t SET i = 10 WHERE i = 1")
    with pytest.raises(adbc_driver_manager.OperationalError, match="40001"):
        run(other, "UPDATE t SET i = 20 WHERE i = 1")
    one.commit()
    other.rollback()
    assert run(other, "SELECT i FROM t") == [(10,)]


@capability(DRIVER, "transaction: by SQL text")
def test_a_transaction_begun_by_sql_is_one(server, one):
    with adbc_connection(server, autocommit=True) as connection:
        run(connection, "BEGIN")
        run(connection, "INSERT INTO t VALUES (5)")
        assert run(one, "SELECT count(*) FROM t") == [(1,)]
        one.commit()
        run(connection, "COMMIT")
        assert run(one, "SELECT count(*) FROM t") == [(2,)]
        run(connection, "BEGIN TRANSACTION")
        run(connection, "DELETE FROM t")
        with pytest.raises(adbc_driver_manager.Error, match="25001"):
            run(connection, "BEGIN")
        run(connection, "ROLLBACK")
        assert run(connection, "SELECT count(*) FROM t") == [(2,)]
        with pytest.raises(adbc_driver_manager.Error, match="25000.*no transaction"):
            run(connection, "COMMIT")


@capability(DRIVER, "transaction: autocommit")
def test_autocommit_can_be_turned_on_and_off(one, other):
    run(one, "INSERT INTO t VALUES (2)")
    one.adbc_connection.set_autocommit(True)
    assert run(other, "SELECT count(*) FROM t") == [(2,)], "what was open has been committed"
    other.commit()
    run(one, "INSERT INTO t VALUES (3)")
    assert run(other, "SELECT count(*) FROM t") == [(3,)]
    one.adbc_connection.set_autocommit(False)
    run(one, "INSERT INTO t VALUES (4)")
    one.rollback()
    assert run(one, "SELECT count(*) FROM t") == [(3,)]


@capability(DRIVER, "transaction: rollback")
def test_a_connection_that_closes_in_a_transaction_leaves_nothing_of_it(server, one):
    with adbc_connection(server) as connection:
        run(connection, "INSERT INTO t VALUES (99)")
    assert run(one, "SELECT count(*) FROM t") == [(1,)]


@capability(DRIVER, "transaction: isolation level", not_offered="it knows no option for the level")
def test_the_driver_sets_no_isolation_level(one):
    with pytest.raises(adbc_driver_manager.NotSupportedError, match="isolation_level"):
        one.adbc_connection.set_options(**{ISOLATION: "adbc.connection.transaction.isolation.serializable"})
