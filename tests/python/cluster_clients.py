"""Stock clients with sessions that are worth keeping."""

import contextlib
import time

import adbc_driver_flightsql.dbapi as adbc

from pintail_process import PASSWORD, USER

# How long a client goes on trying: reached only when a session is lost.
PATIENCE = 60.0


def connect(uri, **options):
    """A connection of the ADBC driver, with nothing special set."""
    return adbc.connect(uri, db_kwargs={"username": USER, "password": PASSWORD}, **options)


@contextlib.contextmanager
def resumed(node, token):
    """A connection to a node that brings the token of a session. Closing it closes the session."""
    connection = adbc.connect(node.uri, db_kwargs={"adbc.flight.sql.authorization_header": token}, autocommit=True)
    try:
        yield connection
    finally:
        # Another connection may have closed the session, and its node may be gone.
        with contextlib.suppress(adbc.Error):
            connection.close()


def ask(connection, sql):
    """The only value of a statement's result, if it has any. A statement that failed can't be used again, so that each time
    it is a new one."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None
    finally:
        with contextlib.suppress(adbc.Error):
            cursor.close()


def patiently(work, fails_by=adbc.Error):
    """What the work gives once it succeeds."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except fails_by:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


class Client:
    """An ADBC connection whose session has settings, a variable and a prepared statement, which it finds again."""

    def __init__(self, uri, number):
        self.number = number
        self.connection = connect(uri, autocommit=True)
        self.ask(f"SET VARIABLE mine = {number}")
        self.ask("SET integer_division = true")
        self.prepare()

    def ask(self, sql):
        """The only value of a statement's result."""
        return ask(self.connection, sql)

    def prepare(self):
        """Prepares the statement that is used ever after."""
        self.prepared = self.connection.cursor()
        self.plus(0)

    def plus(self, value):
        """The variable and a value, by the statement that was prepared at the beginning."""
        self.prepared.execute("SELECT getvariable('mine') + ?", (value,))
        return self.prepared.fetchone()[0]

    def check(self):
        """All of the session's state is there; raises what the driver does when a call fails."""
        assert self.ask("SELECT getvariable('mine')") == self.number, "a fresh session, and nobody said so"
        assert self.ask("SELECT 7 / 2") == 3
        assert self.plus(1) == self.number + 1

    def goes_on(self):
        """The session is there, on the same connection, sooner or later; how many calls failed before it was."""
        failed, end = 0, time.monotonic() + PATIENCE
        while True:
            try:
                self.check()
                return failed
            except adbc.Error as error:
                assert "Unauthenticated" not in str(error), f"the session was lost: {error}"
                assert time.monotonic() < end, f"the session did not come back: {error}"
                if "already closed" in str(error):
                    # The driver gives a prepared statement up when a call of it fails.
                    self.close_prepared()
                    self.prepared = self.connection.cursor()
                else:
                    failed += 1
                time.sleep(0.02)

    def close_prepared(self):
        """Closes the prepared statement, here at least."""
        with contextlib.suppress(adbc.Error):
            self.prepared.close()

    def close(self):
        """Closes the connection, and so the session."""
        self.close_prepared()
        self.connection.close()
