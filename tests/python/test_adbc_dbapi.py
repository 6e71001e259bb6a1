"""The released ADBC driver through its DBAPI, with nothing special set."""

import datetime
import decimal
import uuid
import zoneinfo

import adbc_driver_manager
import duckdb
import pytest

from conftest import adbc_connection
from drivers import capability
from pintail_process import FLIGHTS


def one(cursor, sql, parameters=None):
    """The only value of a query."""
    cursor.execute(sql, parameters)
    row, = cursor.fetchall()
    value, = row
    return value


@capability("ADBC Python", "update: applied exactly once", "statement: definition")
def test_definitions_and_changes_are_applied_exactly_once(cursor):
    cursor.execute("CREATE SEQUENCE once_numbers")
    cursor.execute("CREATE TABLE once (n INTEGER, name VARCHAR)")
    cursor.execute("INSERT INTO once VALUES (nextval('once_numbers'), 'first'), (nextval('once_numbers'), 'second')")
    assert cursor.rowcount == 2
    cursor.execute("UPDATE once SET n = n + 10")
    assert cursor.rowcount == 2
    cursor.execute("SELECT n, name FROM once ORDER BY n")
    assert cursor.fetchall() == [(11, "first"), (12, "second")]
    cursor.execute("DELETE FROM once WHERE n = 11")
    assert cursor.rowcount == 1
    assert one(cursor, "SELECT nextval('once_numbers')") == 3, "no statement ran twice"
    cursor.execute("INSERT INTO once VALUES (20, 'returned') RETURNING n, name")
    assert cursor.fetchall() == [(20, "returned")]
    assert one(cursor, "SELECT count(*) FROM once") == 2
    cursor.execute("DROP TABLE once")
    with pytest.raises(adbc_driver_manager.Error, match="42P01"):
        cursor.execute("SELECT * FROM once")


@capability("ADBC Python", "statement: rows of a query")
def test_a_query_gives_its_rows_and_describes_them(cursor):
    cursor.execute("SELECT carrier, name FROM airlines ORDER BY carrier LIMIT 2")
    assert [column[0] for column in cursor.description] == ["carrier", "name"]
    assert cursor.fetchone() == ("9E", "Endeavor Air Inc.")
    assert cursor.fetchall() == [("AA", "American Airlines Inc.")]
    assert cursor.fetchone() is None


@pytest.mark.parametrize("table", ["airlines", "airports", "planes", "weather", "flights"])
def test_real_tables_arrive_as_they_are(cursor, table):
    cursor.execute(f"SELECT * FROM {table}")
    arrived = cursor.fetch_arrow_table()
    local = duckdb.connect()
    local.register("arrived", arrived)
    file = FLIGHTS / f"{table}.parquet"
    assert local.sql(f"SELECT count(*) FROM '{file}'").fetchone() == (arrived.num_rows,)
    # Both ways, and with repetitions: equal as bags of rows.
    for left, right in [("arrived", f"'{file}'"), (f"'{file}'", "arrived")]:
        assert local.sql(f"SELECT count(*) FROM (FROM {left} EXCEPT ALL FROM {right})").fetchone() == (0,)


@capability("ADBC Python", "prepared: query")
def test_parameters_are_bound(cursor):
    assert one(cursor, "SELECT ? + 1", (41,)) == 42
    assert one(cursor, "SELECT ? || '%' || $2", ("100", " sure")) == "100% sure"
    assert one(cursor, "SELECT count(*) FROM flights WHERE carrier = ? AND month = ?", ("HA", 1)) == 31
    assert one(cursor, "SELECT ?::DATE", (datetime.date(2013, 2, 28),)) == datetime.date(2013, 2, 28)
    assert one(cursor, "SELECT ? IS NULL", (None,)) is True


@capability("ADBC Python", "prepared: parameter without a type")
@pytest.mark.parametrize("value", [
    0, 2**63 - 1, 1.5, "x", "", b"\x00", True, None, datetime.date(2013, 1, 1), datetime.time(1, 2, 3, 4),
    datetime.datetime(2013, 1, 1, 1, 2, 3, 4), datetime.datetime(2013, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
    decimal.Decimal("1.50"), [1, None], {"a": 1, "b": "x"}, uuid.UUID(int=5),
], ids=repr)
def test_a_value_of_python_comes_back_as_it_was_bound(cursor, value):
    found = one(cursor, "SELECT ? AS v", (value,))
    assert found == value
    assert isinstance(value, datetime.datetime) or repr(found) == repr(value)


@capability("ADBC Python", "prepared: update", "prepared: update over many rows")
def test_executemany_runs_once_a_row(cursor):
    cursor.execute("CREATE TABLE many (i INTEGER, t VARCHAR)")
    cursor.executemany("INSERT INTO many VALUES (?, ?)", [(i, f"row {i}") for i in range(100)])
    assert cursor.rowcount == 100
    cursor.execute("SELECT count(*), count(DISTINCT t), sum(i)::BIGINT FROM many")
    assert cursor.fetchall() == [(100, 100, 4950)]
    cursor.executemany("DELETE FROM many WHERE i = ?", [(1,), (2,)])
    assert one(cursor, "SELECT count(*) FROM many") == 98


@capability("ADBC Python", "transaction: commit", "transaction: rollback")
def test_commit_keeps_and_rollback_drops(server, connection, cursor):
    with adbc_connection(server) as other, other.cursor() as witness:
        cursor.execute("CREATE TABLE settled (i INTEGER)")
        connection.commit()
        cursor.execute("INSERT INTO settled VALUES (1)")
        assert one(witness, "SELECT count(*) FROM settled") == 0, "not committed yet"
        other.rollback()
        connection.commit()
        assert one(witness, "SELECT count(*) FROM settled") == 1
        cursor.execute("INSERT INTO settled VALUES (2)")
        assert one(cursor, "SELECT count(*) FROM settled") == 2
        connection.rollback()
        assert one(cursor, "SELECT count(*) FROM settled") == 1
        connection.rollback()
        connection.rollback()
        assert one(cursor, "SELECT max(i) FROM settled") == 1, "a rollback of nothing is no error"


@capability("ADBC Python", "transaction: autocommit")
def test_autocommit_keeps_each_statement(server):
    with adbc_connection(server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE automatic AS SELECT 1 AS i")
    with adbc_connection(server, autocommit=True) as connection, connection.cursor() as cursor:
        assert one(cursor, "SELECT i FROM automatic") == 1


@capability("ADBC Python", "statement: two results read in turns")
def test_two_cursors_read_in_turns(connection):
    with connection.cursor() as left, connection.cursor() as right, connection.cursor() as writer:
        # Larger than what a client reads ahead, so that both are still running in the server.
        left.execute("SELECT i FROM range(3000000) t(i)")
        right.execute("SELECT -i AS i FROM range(3000000) t(i)")
        writer.execute("CREATE TABLE between_reads (i BIGINT)")
        rows = 0
        reading = zip(left.fetch_record_batch(), right.fetch_record_batch(), strict=True)
        for number, (up, down) in enumerate(reading):
            assert up.column(0)[0].as_py() == -down.column(0)[0].as_py() == rows
            rows += up.num_rows
            if number % 10 == 0:
                writer.execute("INSERT INTO between_reads VALUES (?)", (rows,))
        assert rows == 3_000_000
        assert one(writer, "SELECT count(*) FROM between_reads") > 1


@capability("ADBC Python", "statement: result left unread")
def test_a_result_can_be_left_unread(connection):
    for _ in range(20):
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM flights, range(10)")
            cursor.fetchone()
    with connection.cursor() as cursor:
        assert one(cursor, "SELECT 1") == 1


@capability("ADBC Python", "connect: two connections are two sessions")
def test_settings_hold_for_the_session(server, cursor):
    cursor.execute("SET VARIABLE mine = 'yes'")
    cursor.execute("SET integer_division = true")
    assert one(cursor, "SELECT getvariable('mine')") == "yes"
    assert one(cursor, "SELECT 7 / 2") == 3
    with adbc_connection(server) as other, other.cursor() as witness:
        assert one(witness, "SELECT getvariable('mine')") is None
        assert one(witness, "SELECT 7 / 2") == 3.5


@capability("ADBC Python", "error: SQLSTATE", "error: status", "error: message with its advice")
@pytest.mark.parametrize(
    ("sql", "kind", "sqlstate", "said"),
    [
        ("SELECT * FROM flihts", adbc_driver_manager.ProgrammingError, "42P01", "flights"),
        ("SELECT carier FROM flights", adbc_driver_manager.ProgrammingError, "42703", "carrier"),
        ("SELEC 1", adbc_driver_manager.ProgrammingError, "42601", "SELEC"),
        ("SELECT 'x'::INTEGER", adbc_driver_manager.ProgrammingError, "22P02", "x"),
    ],
)
def test_errors_say_what_is_wrong_and_break_nothing(connection, sql, kind, sqlstate, said):
    with connection.cursor() as cursor:
        with pytest.raises(kind, match=sqlstate) as caught:
            cursor.execute(sql)
            cursor.fetchall()
        assert said in str(caught.value)
        connection.rollback()
        assert one(cursor, "SELECT 1") == 1
