"""A transaction that changes both temporary tables and others is one, whichever step of its commit its node dies at."""

import uuid

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from cluster_clients import patiently
from failpoints import FailingCluster, FailingServer, order
from flight_sql import COMMIT, Session
from lake import Lake
from outcomes import FAILURES, LOST

TABLES = "kept", "passing"
BOTH = "INSERT INTO passing VALUES ({0}); INSERT INTO kept VALUES ({0})"


@pytest.fixture
def server():
    server = FailingServer()
    yield server
    server.end()


@pytest.fixture
def cluster(postgres, tmp_path):
    """Two nodes that share their tables, and the spool."""
    arguments = (*Lake(postgres, tmp_path).arguments, "--spool", str(tmp_path / "spool"))
    cluster = FailingCluster(postgres.new_database(), nodes=2, lease=1.0, arguments=arguments)
    yield cluster
    cluster.end()


class Client:
    """A session, on whichever life of its server, or on another one."""

    def __init__(self, server):
        self.server, self.session, self.transaction = server, Session(server), None
        self.header = self.session.header

    def again(self, *orders):
        """The server dies, and begins its next life with these orders."""
        self.session.client.close()
        self.server.kill()
        self.server.live(orders)
        self.session = Session(self.server, header=self.header)

    def move(self, server):
        """Goes on with another server, once that has the session."""
        self.session.client.close()
        self.server, self.session = server, Session(server, header=self.header)
        patiently(lambda: self.session.update("SET VARIABLE here = 1"), FAILURES)

    def rows(self):
        return [self.session.table(f"SELECT n FROM {table} ORDER BY n").column(0).to_pylist() for table in TABLES]

    def change(self, how):
        self.transaction = self.session.begin() if how == "action" else None
        if how == "text":
            self.session.update("BEGIN")
        if how != "at once":
            self.session.update(BOTH.format(1), self.transaction)
            self.session.update("CREATE OR REPLACE TEMP VIEW seen AS SELECT 1 AS n", self.transaction)

    def commit(self, how):
        """Whether it is said to be committed; none when there was no answer."""
        try:
            if how == "action":
                self.session.end(self.transaction, COMMIT)
            elif how == "text":
                self.session.update("COMMIT")
            else:
                headers = [self.header, (b"x-pintail-request-id", str(uuid.UUID(int=7)).encode())]
                self.session.options = flight.FlightCallOptions(headers=headers)
                self.session.update(f"{BOTH.format(1)}; CREATE TEMP VIEW seen AS SELECT 1 AS n")
                self.session.options = flight.FlightCallOptions(headers=[self.header])
        except FAILURES as error:
            return False if LOST in str(error) else None
        return True


@pytest.mark.parametrize("how", ["action", "text", "at once"])
@pytest.mark.parametrize("point", ["commit.before", "commit.prepared", "commit.made", None])
def test_a_transaction_of_both_kinds_is_one(server, how, point):
    client = Client(server)
    client.session.update("CREATE TABLE kept (n INTEGER); CREATE TEMP TABLE passing (n INTEGER)")
    client.session.update(BOTH.format(0))
    client.again(*[order(point, "crash", 0)] if point else [])
    client.change(how)
    answered = client.commit(how)
    assert answered is (None if point else True)
    # Before anything else is asked, and as often as the answer is lost.
    for _ in range(2):
        client.again()
        is_committed = client.commit(how)
        assert is_committed is (how == "at once" or point in ("commit.made", None))
        if not is_committed:
            break
    now = [0, 1] if is_committed else [0]
    assert client.rows() == [now, now]
    client.again()
    assert client.rows() == [now, now]
    if is_committed:
        assert client.session.table("FROM seen").column(0).to_pylist() == [1]
    # What was kept for that commit is of no use any more.
    client.session.update("INSERT INTO passing VALUES (2); DELETE FROM passing WHERE n < 2")
    client.again()
    assert client.rows() == [now, [2]]
    # Nor is what is known of it of any for the next transaction.
    client.change("text")
    client.again()
    assert client.commit("text") is False
    assert client.rows() == [now, [2]]


@pytest.mark.parametrize("how", ["action", "text", "at once"])
def test_it_is_one_on_another_node(cluster, how):
    first, second = cluster.nodes
    client = Client(first)
    client.session.update("CREATE TABLE kept (n INTEGER); CREATE TEMP TABLE passing (n INTEGER)")
    client.session.update(BOTH.format(0))
    # The session is with the second node when that is to die.
    second.kill()
    second.live([order("commit.made", "crash", 0)])
    first.kill()
    client.move(second)
    first.live()
    client.change(how)
    assert client.commit(how) is None
    client.session.client.close()
    client.server, client.session = first, Session(first, header=client.header)
    assert patiently(lambda: answered(client, how), NotAnswered), "it is committed"
    assert client.rows() == [[0, 1], [0, 1]]
    assert client.session.table("FROM seen").column(0).to_pylist() == [1]


class NotAnswered(Exception):
    """A commit was sent, and nobody knows yet what became of it."""


def answered(client, how):
    """What is said of a commit that is sent once more."""
    told = client.commit(how)
    if told is None:
        raise NotAnswered
    return told


def test_one_that_was_rolled_back_leaves_nothing(server):
    client = Client(server)
    client.session.update("CREATE TABLE kept (n INTEGER PRIMARY KEY); CREATE TEMP TABLE passing (n INTEGER)")
    with Session(server) as other:
        # Both are to commit the same key: the second one's commit fails, after the store was told of it.
        client.session.update("BEGIN")
        client.session.update("INSERT INTO passing VALUES (1); INSERT INTO kept VALUES (1)")
        other.update("INSERT INTO kept VALUES (1)")
        with pytest.raises((flight.FlightError, pa.ArrowException)):
            client.session.update("COMMIT")
    assert client.rows() == [[1], []]
    client.again()
    assert client.rows() == [[1], []]
    client.session.update("INSERT INTO passing VALUES (3)")
    client.again()
    assert client.rows() == [[1], [3]]
