"""Nodes that were stopped for longer than their lease, and go on as if nothing had been."""

import contextlib
import signal
import threading
import time

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as flight
import pytest

from cluster import EXPECTED, Cluster, seeded
from cluster_clients import PATIENCE, ask, patiently, resumed
from pintail_process import PASSWORD, USER, wait_until

# About a minute of work: it is stopped in the middle of it.
LONG = "SET VARIABLE mine = (SELECT -1 - max(a.range % 7 * b.range) * 0 FROM range(1000000) a, range(20000) b)"


@pytest.fixture
def cluster(postgres):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0)
    yield cluster
    cluster.close(expected=EXPECTED)


def write(connection, outcome):
    """Runs the long statement, and notes what came of it."""
    try:
        ask(connection, LONG)
        outcome.append("written")
    except adbc.Error as error:
        outcome.append(str(error))


def test_nothing_that_a_stopped_node_had_begun_is_kept_once_its_session_is_elsewhere(cluster, request):
    chance = seeded(request)
    rounds = 200 if request.config.getoption("--long") else 20
    rejected = 0
    with flight.FlightClient(cluster.nodes[0].uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1].decode()
    (session,) = cluster.sessions()
    with contextlib.ExitStack() as stack:
        # Open to the end: closing one closes the session.
        through = {node: stack.enter_context(resumed(node, token)) for node in cluster.nodes}
        for number in range(rounds):
            zombie = wait_until(lambda: cluster.owner(session), "an owner")
            other = next(node for node in cluster.nodes if node is not zombie)
            outcome = []
            writer = threading.Thread(target=write, args=(through[zombie], outcome))
            writer.start()
            wait_until(zombie.busy, "the statement")
            time.sleep(chance.random() * 0.1)
            zombie.process.send_signal(signal.SIGSTOP)
            # Held until the lease is over, then served by a node that took the session.
            patiently(lambda: ask(through[other], f"SELECT {number}"))
            assert cluster.owner(session) is other
            epoch = cluster.sessions()[session]["epoch"]
            ask(through[other], f"SET VARIABLE mine = {number}")
            zombie.process.send_signal(signal.SIGCONT)
            writer.join(PATIENCE)
            assert outcome and outcome != ["written"], "the stopped node wrote for a session that it had lost"
            rejected += 1
            # The old connection leads to the session where it is now.
            assert patiently(lambda: ask(through[zombie], "SELECT getvariable('mine')")) == number
            after = cluster.sessions()[session]
            assert (after["epoch"], after["state"]) == (epoch, "active"), "the zombie took it back"
    print(f"{rejected} of {rounds} writes of a stopped node were rejected")
