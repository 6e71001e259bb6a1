"""Networks are cut without a word: between a node and the store, between nodes, and between a client and its node."""

import time
import types
import urllib.parse

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as flight
import pytest

from cluster import EXPECTED, Cluster
from cluster_clients import ask, patiently, resumed
from flight_sql import Session
from pintail_process import PASSWORD, USER, free_port, wait_until
from wire import Wire

LEASE = 2.0
# A call is held for a lease and a half and a second; the rest is what a busy machine takes.
BOUND = 1.5 * LEASE + 1 + 10


@pytest.fixture
def wires():
    """Makes wires, and ends them."""
    made = []

    def wire(host, port):
        made.append(Wire(host, port))
        return made[-1]

    yield wire
    for one in made:
        one.close()


def opened(node):
    """The token of a new session."""
    with flight.FlightClient(node.uri) as client:
        return client.authenticate_basic_token(USER, PASSWORD)[1].decode()


def within(bound, work):
    """What the work gives, which must come to its end in time."""
    began = time.monotonic()
    try:
        return work()
    finally:
        assert time.monotonic() - began < bound


def test_a_node_that_is_cut_from_the_store_gives_its_sessions_up_to_its_peers(postgres, wires):
    store = postgres.new_database()
    at = urllib.parse.urlparse(store)
    wire = wires(at.hostname, at.port)
    cluster = Cluster(store, nodes=0, lease=LEASE)
    cut_off = cluster.node(0, store=store.replace(f":{at.port}/", f":{wire.port}/"))
    cluster.nodes = [cut_off, cluster.node(1)]
    token = opened(cut_off)
    session, = cluster.sessions()
    with resumed(cut_off, token) as there, resumed(cluster.nodes[1], token) as here:
        ask(there, "SET VARIABLE x = 1")
        wire.cut()
        # For as long as its lease lasts the node may answer. Then the session is taken over with all that was written.
        def taken_over():
            assert patiently(lambda: ask(here, "SELECT getvariable('x')")) == 1
            return cluster.owner(session) is cluster.nodes[1]

        wait_until(taken_over, "the takeover", BOUND)
        row = cluster.sessions()[session]
        assert (row["node"], row["epoch"]) == ("node1", 2)
        ask(here, "SET VARIABLE x = 2")
        # The node that is cut off knows by itself that it may not serve, and says what is wrong.
        with pytest.raises(adbc.Error, match="Unavailable|UNAVAILABLE") as raised:
            within(BOUND, lambda: ask(there, "SET VARIABLE x = 3"))
        assert "Unauthenticated" not in str(raised.value)
        assert not cut_off.healthy_now()
        wire.mend()
        assert patiently(lambda: ask(there, "SELECT getvariable('x')")) == 2, "it passes the call on to the owner"
        assert cluster.sessions()[session]["epoch"] == 2
    cluster.close(expected=EXPECTED)


def test_a_node_that_does_not_reach_its_peer_says_so_and_takes_nothing_from_it(postgres, wires):
    cluster = Cluster(postgres.new_database(), nodes=0, lease=LEASE)
    listens = free_port()
    wire = wires("127.0.0.1", listens)
    owner = cluster.node(0, "both", "--peer-advertise", f"grpc://127.0.0.1:{wire.port}", peer_port=listens)
    cluster.nodes = [owner, cluster.node(1)]
    token = opened(owner)
    session, = cluster.sessions()
    with resumed(owner, token) as there, resumed(cluster.nodes[1], token) as here:
        ask(there, "SET VARIABLE x = 1")
        assert ask(here, "SELECT getvariable('x')") == 1
        for sign in range(2):
            wire.cut()
            with pytest.raises(adbc.Error, match="cannot reach it|lost while it served"):
                within(BOUND, lambda: ask(here, "SELECT getvariable('x')"))
            # Its owner is alive, and goes on.
            assert ask(there, "SELECT getvariable('x')") == 1 + sign
            ask(there, f"SET VARIABLE x = {2 + sign}")
            assert cluster.sessions()[session]["epoch"] == 1
            wire.mend()
            assert patiently(lambda: ask(here, "SELECT getvariable('x')")) == 2 + sign
    cluster.close(expected=EXPECTED)


def test_a_client_that_is_cut_off_finds_its_session_at_another_node(postgres, wires):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=LEASE)
    node, other = cluster.nodes
    wire = wires(node.host, int(node.flight_address.rsplit(":", 1)[1]))
    lost = Session(types.SimpleNamespace(uri=f"grpc://127.0.0.1:{wire.port}"))
    token = lost.header[1].decode()
    lost.update("CREATE TEMP TABLE mine AS FROM range(3)")
    reading = lost.stream("SELECT repeat('x', 1000) FROM range(1000000)")
    assert reading.read_chunk().data.num_rows
    wire.cut()
    with resumed(other, token) as again:
        # The result that nobody reads any more keeps nobody waiting.
        assert within(BOUND, lambda: ask(again, "SELECT count(*) FROM mine")) == 3
        wait_until(lambda: not node.busy(), "the statement of the client that is gone to rest")
    wire.close()
    lost.client.close()
    cluster.close(expected=EXPECTED)
