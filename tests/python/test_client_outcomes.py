"""What the Python client says of writes whose answers are lost, and of transactions whose nodes end."""

import threading

import pyarrow as pa
import pytest

import pintail
from client_connection import connect, value
from pintail_process import free_port, wait_until
from withholding_wire import WithholdingWire

# How long nothing is waited for: reached only when something is broken.
PATIENCE = 120

ONE_ROW = pa.table({"i": pa.array([1], pa.int32())})


@pytest.fixture
def restarting(start):
    return start(port=free_port())


@pytest.fixture
def wire(start):
    """A server of its own, and the wire to it."""
    server = start()
    wire = WithholdingWire(server)
    wire.server = server
    yield wire
    wire.break_off()


class Lost:
    """Does something on another thread whose answer gets lost once it was done."""

    def __init__(self, wire, work, done):
        wire.withhold()
        self.raised = None
        thread = threading.Thread(target=self._run, args=(work,))
        thread.start()
        with connect(wire.server, autocommit=True) as observer:
            wait_until(lambda: done(observer), "what the client asked for")
        wire.break_off()
        thread.join(PATIENCE)
        assert not thread.is_alive()

    def _run(self, work):
        try:
            work()
        except pintail.Error as error:
            self.raised = error


@pytest.fixture
def counted(wire):
    """A connection over the wire, and directly when that breaks; a table, and how many rows it has."""
    with connect(wire, wire.server, autocommit=True) as connection:
        connection.execute("CREATE TABLE counted (i INTEGER)")
        yield connection


def rows(connection):
    return value(connection, "SELECT count(*) FROM counted")


@pytest.mark.parametrize("write", [
    lambda connection: connection.execute("INSERT INTO counted VALUES (1)"),
    lambda connection: connection.execute("INSERT INTO counted VALUES (?)", (1,)),
    lambda connection: connection.ingest("counted", ONE_ROW, mode="append"),
], ids=["update", "prepared update", "ingest"])
def test_a_write_whose_answer_is_lost_is_never_applied_twice(wire, counted, write):
    # The statement is prepared now, so that the answer that is lost is that of the write.
    write(counted)
    lost = Lost(wire, lambda: write(counted), lambda observer: rows(observer) == 2)
    assert "request-id" in counted.features and lost.raised is None
    assert rows(counted) == 2, "the connection goes on, and nothing was applied twice"


@pytest.mark.parametrize("parameters", [None, (3,)])
def test_rows_of_a_write_whose_answer_is_lost_come_again(wire, counted, parameters):
    returned = []

    def write():
        sql = f"INSERT INTO counted VALUES ({'?' if parameters else 3}) RETURNING i, random() AS chance"
        returned.append(counted.execute(sql, parameters).fetchall())

    write()
    lost = Lost(wire, write, lambda observer: rows(observer) == 2)
    assert lost.raised is None
    assert [row[0] for row in returned[1]] == [3] and returned[0] != returned[1]
    assert rows(counted) == 2


def test_of_more_rows_than_are_kept_only_that_the_write_was_applied_is_told(wire, counted):
    def write():
        counted.execute("INSERT INTO counted SELECT range FROM range(50_000) RETURNING i").fetchall()

    write()
    lost = Lost(wire, write, lambda observer: rows(observer) == 100_000)
    assert isinstance(lost.raised, pintail.OperationalError) and lost.raised.code == "RESULT_GONE"
    assert rows(counted) == 100_000


def test_a_commit_whose_answer_is_lost_is_told_truthfully(wire, counted):
    counted.autocommit = False
    counted.execute("INSERT INTO counted VALUES (1)")
    lost = Lost(wire, counted.commit, lambda observer: rows(observer) == 1)
    assert "request-id" in counted.features and lost.raised is None
    assert not counted.in_transaction
    counted.execute("INSERT INTO counted VALUES (2)")
    counted.commit()
    assert rows(counted) == 2


def test_a_read_whose_answer_is_lost_is_asked_for_again(wire, counted):
    wire.withhold()
    asked = threading.Thread(target=lambda: answers.append(rows(counted)))
    answers = []
    asked.start()
    wire.break_off()
    asked.join(PATIENCE)
    assert answers == [0]
    assert counted.reattachments == 1


def test_a_transaction_that_was_lost_is_refused_until_it_is_rolled_back(restarting):
    with connect(restarting) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
        connection.commit()
        connection.execute("INSERT INTO t VALUES (1)")
        assert connection.in_transaction
        restarting.kill()
        restarting.start()
        for sql in ["INSERT INTO t VALUES (2)", "SELECT count(*) FROM t"]:
            with pytest.raises(pintail.TransactionLostError) as raised:
                connection.execute(sql)
            assert (raised.value.code, raised.value.sqlstate) == ("TRANSACTION_LOST", "40001")
        connection.rollback()
        assert value(connection, "SELECT count(*) FROM t") == 0
        # And again from its beginning, as an application does.
        connection.execute("INSERT INTO t VALUES (1)")
        connection.commit()
        assert value(connection, "SELECT count(*) FROM t") == 1


def test_a_commit_of_a_transaction_that_was_lost_says_so_and_ends_it(restarting):
    with connect(restarting) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
        connection.commit()
        connection.execute("INSERT INTO t VALUES (1)")
        restarting.kill()
        restarting.start()
        with pytest.raises(pintail.TransactionLostError):
            connection.commit()
        assert not connection.in_transaction
        assert value(connection, "SELECT count(*) FROM t") == 0


def test_a_transaction_begun_by_its_text_is_lost_as_well(restarting):
    with connect(restarting, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO t VALUES (1)")
        restarting.kill()
        restarting.start()
        with pytest.raises(pintail.TransactionLostError):
            connection.execute("INSERT INTO t VALUES (2)")
        connection.execute("ROLLBACK")
        assert value(connection, "SELECT count(*) FROM t") == 0


def test_a_write_in_a_transaction_that_is_cut_off_leaves_only_rolling_back(wire, counted):
    counted.autocommit = False
    counted.execute("INSERT INTO counted VALUES (1)")
    wire.withhold()
    raised = []

    def write():
        try:
            counted.execute("INSERT INTO counted VALUES (2)")
        except pintail.Error as error:
            raised.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    wire.break_off()
    writer.join(PATIENCE)
    if raised:
        assert isinstance(raised[0], pintail.OutcomeUnknownError)
        with pytest.raises(pintail.OutcomeUnknownError):
            counted.execute("INSERT INTO counted VALUES (3)")
    counted.rollback()
    assert rows(counted) == 0


def test_what_was_surely_not_sent_is_sent_again(restarting):
    with connect(restarting, autocommit=True, deadline=60) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
        restarting.kill()
        starter = threading.Timer(0.5, restarting.start)
        starter.start()
        assert connection.execute("INSERT INTO t VALUES (1)").rowcount == 1
        starter.join()
        assert value(connection, "SELECT count(*) FROM t") == 1


def test_a_server_that_stays_away_is_given_up_after_the_deadline(restarting):
    connection = connect(restarting, autocommit=True, deadline=0.5)
    restarting.kill()
    with pytest.raises(pintail.OperationalError) as raised:
        connection.execute("SELECT 1")
    assert (raised.value.code, raised.value.sqlstate) == ("CONNECTION_FAILED", "08001")
    restarting.start()
    assert value(connection, "SELECT 1") == 1
    connection.close()
