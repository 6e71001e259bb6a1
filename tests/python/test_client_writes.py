"""Writes by the Python client while nodes are killed: each is applied once, by whatever way the cluster is reached."""

import itertools
import threading

import pyarrow as pa
import pytest

import pintail
from client_connection import connect, session_of
from cluster import EXPECTED, Balancer, Cluster, seeded
from lake import Lake
from pintail_process import DEADLINE, wait_until

MOST_REATTACHES = 5


@pytest.fixture(scope="module")
def cluster(postgres, tmp_path_factory):
    """Nodes that share their tables."""
    lake = Lake(postgres, tmp_path_factory.mktemp("lake"))
    cluster = Cluster(postgres.new_database(), lease=1.0, arguments=lake.arguments)
    yield cluster
    cluster.close(expected=EXPECTED)


@pytest.fixture(params=["three addresses", "balanced by connection", "balanced by call"])
def reached(request, cluster):
    if request.param == "three addresses":
        yield cluster.nodes
        return
    balancer = Balancer(cluster.nodes, by_call=request.param == "balanced by call")
    yield [balancer]
    balancer.close()


def by_text(connection, number):
    connection.execute(f"INSERT INTO t VALUES ({number})")


def by_parameter(connection, number):
    connection.execute("INSERT INTO t VALUES (?)", (number,))


def by_ingest(connection, number):
    assert connection.ingest("t", pa.table({"i": pa.array([number], pa.int64())}), mode="append") == 1


def by_transaction(connection, number):
    while True:
        connection.autocommit = False
        try:
            connection.execute("INSERT INTO t VALUES (?)", (number,))
            connection.commit()
            return
        except pintail.TransactionLostError:
            # It was rolled back, and is run again.
            connection.rollback()
        finally:
            connection.autocommit = True


WAYS = [by_text, by_parameter, by_ingest, by_transaction]


class Writer(threading.Thread):
    """Writes one number after the other, each in one of the ways, until it is told to end."""

    def __init__(self, connection, chance):
        super().__init__()
        self.connection, self.chance = connection, chance
        self.written, self.raised, self.ends = 0, None, threading.Event()

    def run(self):
        try:
            for number in itertools.count():
                if self.ends.is_set():
                    return
                self.chance.choice(WAYS)(self.connection, number)
                self.written = number + 1
        except Exception as error:  # noqa: BLE001: it is raised where it is waited for
            self.raised = error

    def has_written(self, many):
        assert self.raised is None, repr(self.raised)
        return self.written >= many


def test_every_write_is_applied_once_while_its_nodes_are_killed(cluster, reached, request):
    chance = seeded(request)
    kills = 100 if request.config.getoption("--long") else 4
    with connect(*reached, autocommit=True) as connection:
        connection.execute("CREATE OR REPLACE TABLE t (i BIGINT)")
        session = session_of(connection)
        writer = Writer(connection, chance)
        writer.start()
        try:
            for _ in range(kills):
                goal = writer.written + chance.randrange(1, 15)
                wait_until(lambda goal=goal: writer.has_written(goal), "the next writes")
                owner = wait_until(lambda: cluster.owner(session), "an owner")
                owner.kill()
                # The first of the two may have been answered before.
                goal = writer.written + 2
                wait_until(lambda goal=goal: writer.has_written(goal), "a write at another node")
                assert cluster.owner(session) is not owner
                owner.start()
        finally:
            writer.ends.set()
            writer.join(DEADLINE)
        assert writer.raised is None and not writer.is_alive()
        assert session_of(connection) == session
        # Behind a balancer a node may be gone before a call goes there, and the connection to the balancer stays.
        least = 0 if isinstance(reached[0], Balancer) else 1
        assert least <= connection.reattachments <= kills * MOST_REATTACHES
        found = connection.execute("SELECT i FROM t ORDER BY i").fetchall()
        assert found == [(number,) for number in range(writer.written)]
    print(f"{writer.written} writes and {kills} kills: each was applied once, after {connection.reattachments} reattachments")
