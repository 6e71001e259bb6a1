"""Stock clients with sessions that are worth keeping."""

import time

import adbc_driver_flightsql.dbapi as adbc

from pintail_process import PASSWORD, USER

# How long a client goes on trying: reached only when a session is lost.
PATIENCE = 60.0


def connect(uri, **options):
    """A connection of the ADBC driver, with nothing special set."""
    return adbc.connect(uri, db_kwargs={"username": USER, "password": PASSWORD}, **options)


class Client:
    """An ADBC connection whose session has settings, a variable and a prepared statement, which it finds again."""

    def __init__(self, uri, number):
        self.number = number
        self.connection = connect(uri, autocommit=True)
        self.cursor = self.connection.cursor()
        self.cursor.execute(f"SET VARIABLE mine = {number}")
        self.cursor.execute("SET default_null_order = 'nulls_first'")
        self.prepared = self.connection.cursor()
        self.plus(0)

    def ask(self, sql):
        """The only value of a statement's result."""
        self.cursor.execute(sql)
        return self.cursor.fetchone()[0]

    def plus(self, value):
        """The variable and a value, by a statement that was prepared at the beginning."""
        self.prepared.execute("SELECT getvariable('mine') + ?", (value,))
        return self.prepared.fetchone()[0]

    def check(self):
        """All of the session's state is there; raises what the driver does when a call fails."""
        assert self.ask("SELECT getvariable('mine')") == self.number, "a fresh session, and nobody said so"
        assert self.ask("SELECT current_setting('default_null_order')").lower() == "nulls_first"
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
                failed += 1
                time.sleep(0.02)

    def close(self):
        """Closes the connection, and so the session."""
        self.prepared.close()
        self.cursor.close()
        self.connection.close()
