"""What the Python client does when somebody does not want to wait any longer, and what it shows to those who wait."""

import io
import os
import pty
import signal
import subprocess
import sys
import threading
import time

import pytest

import pintail
from client_connection import connect, value
from pintail import progress
from pintail.share import Share
from pintail_process import DEADLINE, PASSWORD, ROOT, USER, free_port, wait_until
from resuming_server import ResumingServer

ENDLESS = "SELECT count(*) FROM range(10000000000000)"
PROGRAM = ROOT / "tests/python/interrupted_client.py"


class OnTerminal:
    """The program with a terminal for its error output."""

    def __init__(self, server, what):
        self.shown = b""
        self.terminal, end = pty.openpty()
        environment = os.environ | {"PYTHONPATH": str(ROOT / "clients/python/src")}
        self.process = subprocess.Popen([sys.executable, PROGRAM, server.uri, USER, PASSWORD, what],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=end, text=True,
                                        env=environment)
        os.close(end)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        while True:
            try:
                chunk = os.read(self.terminal, 4096)
            except OSError:
                # So ends a terminal whose last program has closed it.
                return
            if not chunk:
                return
            self.shown += chunk

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def end(self):
        rest = self.process.stdout.read()
        assert self.process.wait(DEADLINE) == 0, self.shown.decode()
        self.process.stdout.close()
        self.reader.join(DEADLINE)
        os.close(self.terminal)
        return rest


@pytest.mark.parametrize("what", ["query", "rows", "share"])
def test_ctrl_c_cancels_the_statement_and_leaves_the_connection(start, what):
    server = start()
    program = OnTerminal(server, what)
    assert program.line() == "ready"
    wait_until(lambda: b"running for 0:0" in program.shown, "the progress of the statement")
    if what == "rows":
        wait_until(lambda: b" rows" in program.shown, "the rows that have come")
    if what == "share":
        wait_until(lambda: b" % done, running for 0:" in program.shown, "the share that is done")
    program.interrupt()
    assert program.line() == "interrupted"
    assert program.line() == "[(1815,)]"
    program.end()
    assert not server.busy()
    assert program.shown.endswith(b"\r\x1b[K"), "the line is taken away at the end"


@pytest.mark.parametrize(("what", "shown"), [("write", b"running for"), ("share of a write", b" % done, running for")])
def test_ctrl_c_does_not_wait_for_a_write(start, what, shown):
    server = start()
    program = OnTerminal(server, what)
    assert program.line() == "ready"
    wait_until(lambda: shown in program.shown, "the progress of the statement")
    program.interrupt()
    assert program.line() == "interrupted"
    assert program.line() == "left"
    program.end()
    # Its client has gone.
    wait_until(lambda: not server.busy(), "the end of the statement")


@pytest.fixture(scope="module")
def connection(server):
    with connect(server, autocommit=True) as connection:
        yield connection


def cancelled_while(connection, server, work):
    """What the work raises when the connection is cancelled from another thread while the server is at it."""
    def cancel():
        wait_until(server.busy, "the statement")
        wait_until(connection.cancel, "something that can be cancelled")

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(pintail.StatementCancelledError) as raised:
        work()
    canceller.join(DEADLINE)
    return raised.value


def test_another_thread_cancels_what_the_connection_runs(server, connection):
    error = cancelled_while(connection, server, lambda: connection.execute(ENDLESS))
    assert (error.code, error.sqlstate) == ("STATEMENT_CANCELLED", "57014")
    assert value(connection, "SELECT 42") == 42


def test_another_thread_cancels_a_result_that_is_being_read(connection):
    cursor = connection.execute("SELECT i FROM range(10000000000000) t(i)")
    assert cursor.fetchone() == (0,)
    assert connection.cancel() and cursor.cancel()
    with pytest.raises(pintail.StatementCancelledError):
        cursor.fetch_arrow_table()
    assert value(connection, "SELECT 42") == 42


def test_what_is_cancelled_is_not_tried_again(start):
    server = start(port=free_port())
    connection = connect(server, autocommit=True, deadline=DEADLINE)
    server.kill()
    raised = []

    def ask():
        try:
            connection.execute("SELECT 1")
        except pintail.StatementCancelledError as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: list(connection._operations), "the statement")
    connection.cancel()
    asking.join(DEADLINE)
    assert len(raised) == 1
    server.start()
    connection.close()


def test_nothing_can_be_cancelled_where_nothing_runs(connection):
    cursor = connection.execute("SELECT 42")
    assert cursor.cancel()
    cursor.close()
    cursor = connection.execute("SELECT 42")
    assert cursor.fetchall() == [(42,)]
    assert cursor.cancel() is False and connection.cursor().cancel() is False and connection.cancel() is False
    assert cursor.fetchone() is None


def nothing_is_known():
    return None


def test_nothing_is_shown_where_nobody_looks():
    assert isinstance(progress.progress(None, nothing_is_known), progress.Silent)
    assert isinstance(progress.progress(False, nothing_is_known), progress.Silent)
    assert isinstance(progress.progress(True, nothing_is_known), progress.Terminal)


def test_progress_says_how_long_and_how_many():
    assert progress.text(0.4, 0, None) == "running for 0:00"
    assert progress.text(75, 1234567, None) == "running for 1:15, 1,234,567 rows"
    assert progress.text(2, 0, 0.429) == "42 % done, running for 0:02"


def test_the_share_is_asked_for_from_the_first_look_on_and_what_was_told_last_stays():
    answers, asked = [None, 0.25, None], []

    def ask():
        asked.append(True)
        return answers.pop(0) if answers else None

    share = Share(ask)
    assert asked == []
    wait_until(lambda: share.latest() == 0.25, "the share")
    wait_until(lambda: len(asked) >= 4, "more questions")
    assert share.latest() == 0.25
    share.stop()
    wait_until(lambda: not share._thread.is_alive(), "the end of the questions")


def test_only_a_server_that_says_it_tells_the_share_is_asked_for_it():
    for features, asked in [("resume", []), ("resume,progress", ["pintail.Progress"])]:
        with ResumingServer(features=features) as server, connect(server) as connection:
            assert connection._session.progress() is None
            assert server.acted == asked


def test_a_line_is_shown_only_of_what_takes_long(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    screen = io.StringIO()
    line = progress.Terminal(screen, Share(nothing_is_known))
    line.update(0)
    line.done()
    assert screen.getvalue() == ""
    now[0] += 2
    line.update(5)
    line.update(6)
    line.done()
    assert screen.getvalue() == "\r\x1b[Krunning for 0:02, 5 rows\r\x1b[K"


def test_a_notebook_has_the_line_in_its_cell(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append(data["text/plain"])

    def display(data, raw, display_id):
        shown.append(data["text/plain"])
        return Handle()

    line = progress.Notebook(display, Share(nothing_is_known))
    now[0] += 2
    line.update(0)
    now[0] += 1
    line.update(7)
    line.done()
    assert shown == ["running for 0:02", "running for 0:03, 7 rows", ""]


def test_a_statement_takes_no_longer_than_its_timeout_while_there_is_no_server(start):
    server = start(port=free_port())
    with connect(server, autocommit=True) as connection:
        server.kill()
        begun = time.monotonic()
        with pytest.raises(pintail.StatementTimeoutError):
            connection.execute("SELECT 1", timeout=1)
        # It would be tried again for a minute.
        assert 0.9 < time.monotonic() - begun < 30
        server.start()
        assert value(connection, "SELECT 1") == 1
