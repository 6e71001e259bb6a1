"""Clients that append to lists and read them, and write down what they asked for and what they were told."""

import contextlib
import itertools
import random
import threading
import time

import pintail
from client_connection import connect
from history import Append, History, Outcome, Read, Transaction
from pintail_process import wait_until

#: Lists of one row each, which every append changes: of two transactions side by side only one can be committed.
EXCLUSIVE = tuple(f"list_{number}" for number in range(4))
#: Lists of a row for each append: they all have one table, and none is in the way of another.
OF_ROWS = tuple(f"rows_{number}" for number in range(3))
LISTS = EXCLUSIVE + OF_ROWS

#: How many transactions a client asks for at most: more than it can in the time.
MOST_TRANSACTIONS = 20_000


def create(connection, schema):
    """Makes the lists, in a schema of their own."""
    connection.execute(f"CREATE SCHEMA {schema}")
    for key in EXCLUSIVE:
        connection.execute(f"CREATE TABLE {schema}.{key} AS SELECT []::BIGINT[] AS list")
    connection.execute(f"CREATE TABLE {schema}.appended (key VARCHAR, value BIGINT)")


def appending(schema, key, value):
    """The statement that appends a value, which may be a parameter."""
    if key in EXCLUSIVE:
        return f"UPDATE {schema}.{key} SET list = list || [{value}::BIGINT]"
    return f"INSERT INTO {schema}.appended VALUES ('{key}', {value})"


def reading(schema, keys):
    """The query for lists: a row for each, with all of its values. What is not committed yet has no snapshot, and is last."""
    return " UNION ALL ".join(
        f"SELECT '{key}', list FROM {schema}.{key}" if key in EXCLUSIVE else
        f"SELECT '{key}', coalesce(list(value ORDER BY snapshot_id NULLS LAST, rowid), []) "
        f"FROM {schema}.appended WHERE key = '{key}'"
        for key in keys)


def read(connection, schema, keys):
    """What is in lists, by one statement."""
    return {key: tuple(values) for key, values in connection.execute(reading(schema, keys)).fetchall()}


class Client(threading.Thread):
    """A session that runs transactions one after the other until it is told to stop."""

    def __init__(self, cluster, number, schema, seed):
        super().__init__(name=f"client{number}", daemon=True)
        self.schema = schema
        self.chance = random.Random(seed)
        self.values = itertools.count(number * 1_000_000)
        nodes = self.chance.sample(cluster.nodes, len(cluster.nodes))
        self.connection = connect(*nodes, autocommit=True, keepalive=1.0)
        self.transactions = []
        self.stopping = threading.Event()
        self.failure = None
        #: Whether it is in a transaction, and whether it waits to hear that something was committed.
        self.busy = self.committing = False
        #: How many of its transactions were acknowledged.
        self.acknowledged = 0

    def run(self):
        try:
            for _ in range(MOST_TRANSACTIONS):
                if self.stopping.is_set():
                    break
                self.one_more()
        except BaseException as failure:  # noqa: BLE001 - told by `finish`
            self.failure = failure

    def one_more(self):
        """Runs a transaction, however it is asked for."""
        ways = {"one query": self.query, "one text": self.text, "one statement": self.statement,
                "by action": self.by_action, "by text": self.by_text}
        how = self.chance.choices(list(ways), weights=(2, 1, 3, 3, 2))[0]
        transaction = Transaction(self.name, time.monotonic(), how=how)
        self.transactions.append(transaction)
        self.busy = True
        try:
            transaction.outcome = ways[how](transaction)
        except pintail.SessionLostError:
            raise
        except pintail.OutcomeUnknownError as error:
            # The client says so when nobody knows, also of a commit.
            transaction.outcome, transaction.told = Outcome.INFO, str(error)
        except pintail.Error as error:
            transaction.outcome, transaction.told = Outcome.FAIL, str(error)
        finally:
            self.busy = self.committing = False
        transaction.ended = time.monotonic()
        self.acknowledged += transaction.outcome is Outcome.OK

    def query(self, transaction):
        """Reads several lists by one query."""
        self.read(transaction, self.chance.sample(LISTS, self.chance.randint(1, len(LISTS))))
        return Outcome.OK

    def statement(self, transaction):
        """Appends by one statement, which is sent again with its request id."""
        self.committing = True
        self.append(transaction, self.chance.choice(LISTS))
        return Outcome.OK

    def text(self, transaction):
        """Appends several values by one text."""
        appends = [Append(key, next(self.values)) for key in self.chance.choices(LISTS, k=self.chance.randint(2, 3))]
        transaction.operations += appends
        self.committing = True
        self.connection.execute("; ".join(appending(self.schema, append.key, append.value) for append in appends))
        return Outcome.OK

    def by_action(self, transaction):
        """Begins and ends a transaction as Flight SQL has it."""
        return self.whole(transaction, self.connection.begin, self.connection.commit, self.connection.rollback)

    def by_text(self, transaction):
        """Begins and ends a transaction by statements."""
        return self.whole(transaction, *(lambda sql=sql: self.connection.execute(sql) for sql in ("BEGIN", "COMMIT", "ROLLBACK")))

    def whole(self, transaction, begin, commit, roll_back):
        """Reads and appends, between a beginning and an end."""
        commits = self.chance.random() < 0.9
        try:
            begin()
            for _ in range(self.chance.randint(2, 5)):
                if self.chance.random() < 0.5:
                    self.read(transaction, [self.chance.choice(LISTS)])
                else:
                    self.append(transaction, self.chance.choice(LISTS))
        except pintail.SessionLostError:
            raise
        except pintail.Error as error:
            # Also where nobody knows what became of a statement: nobody has asked for a commit.
            transaction.told, commits = str(error), False
        if commits:
            self.committing = True
            try:
                commit()
            except pintail.Error:
                # What begun by text has failed may have to be rolled back.
                with contextlib.suppress(pintail.Error):
                    roll_back()
                raise
            return Outcome.OK
        with contextlib.suppress(pintail.Error):
            roll_back()
        return Outcome.FAIL

    def read(self, transaction, keys):
        """Reads lists by one query."""
        found = read(self.connection, self.schema, keys)
        transaction.operations += [Read(key, found[key]) for key in keys]

    def append(self, transaction, key):
        """Appends a value by one statement, as text or as a parameter."""
        value = next(self.values)
        transaction.operations.append(Append(key, value))
        if self.chance.random() < 0.5:
            self.connection.execute(appending(self.schema, key, "?"), (value,))
        else:
            self.connection.execute(appending(self.schema, key, value))

    def finish(self, deadline):
        """Ends it after its transaction; raises what went wrong."""
        self.stopping.set()
        self.join(deadline)
        assert not self.is_alive(), f"{self.name} hangs in {self.transactions[-1]}"
        if self.failure is not None:
            raise self.failure


def progress(clients):
    """Waits until as many more transactions were acknowledged as there are clients, whichever they are."""
    def count():
        return sum(client.acknowledged for client in clients)

    wanted = count() + len(clients)
    wait_until(lambda: any(client.failure for client in clients) or count() >= wanted, "progress of the clients")


def recorded(clients, observer, schema):
    """The history of clients that have ended, with what another reads after them."""
    transactions = sorted((transaction for client in clients for transaction in client.transactions),
                          key=lambda transaction: transaction.began)
    began = time.monotonic()
    final = read(observer, schema, LISTS)
    last = Transaction("observer", began, [Read(*entry) for entry in final.items()], Outcome.OK, time.monotonic(), "one query")
    return History([*transactions, last], final, frozenset(EXCLUSIVE))
