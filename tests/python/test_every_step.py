"""The server dies, fails or waits before and after every step of a write, of a takeover and of a result: whatever its clients
were told is so."""

import collections

import pytest

from cluster import seeded
from failpoints import POINTS, RARE, FailingCluster, FailingServer, order
from outcomes import Recording

# How often something happens at the places, at least.
HAPPENINGS, LONG = 500, 20_000

# How often a place is passed before something happens there.
PASSED = (0, 0, 1, 2, 4)

# What is done in a life of a server before it is killed where it did not die by itself.
STEPS = 8


def orders(chance, counts):
    """Where something is to happen next: one crash, and some failures and delays, those first that happened least often."""
    def rarest(whats, most):
        every = [(point, what) for point, may in POINTS.items() for what in may if what in whats]
        chance.shuffle(every)
        return sorted(every, key=lambda one: counts[one])[:most]

    chosen = rarest(("delay", "error"), chance.randint(1, 4))
    # A temporary table that could not be kept is lost with its node, and told: see test_cluster_spool.py.
    if not any(point.startswith("spool") and what == "error" for point, what in chosen):
        chosen += rarest(("crash",), 1)
    return [order(point, what, 0 if point.startswith(RARE) else chance.choice(PASSED)) for point, what in dict(chosen).items()]


def run(recording, chance, wanted, happened, live):
    """Lives of servers, one after the other, until so much has happened; each is checked by the next. What happened, and in how
    many lives."""
    counts = collections.Counter()
    for number in range(wanted * 2):
        ordered = orders(chance, counts)
        live(ordered)
        try:
            for _ in range(STEPS):
                recording.do()
            if any(one.startswith("spool") and "error" in one for one in ordered):
                # Until nothing fails any more, and the tables are kept.
                for _ in range(max(PASSED) + 2):
                    recording.keep()
            recording.check()
        except BaseException:
            print(f"life {number}; last failures {recording.failures[-5:]}")
            raise
        counts.update(happened())
        if counts.total() >= wanted:
            print(f"{counts.total()} happenings in {number + 1} lives, {len(recording.failures)} failures told; {dict(counts)}")
            return counts
    raise AssertionError(f"hardly anything happened: {counts}")


@pytest.fixture
def server():
    server = FailingServer()
    yield server
    server.end()


def test_one_server_that_is_started_again(server, request):
    chance = seeded(request)
    wanted = LONG if request.config.getoption("--long") else HAPPENINGS
    due = []

    def reach():
        """The server, started again when it has died."""
        if server.has_died():
            server.kill()
            server.live(due)
        return server

    def live(orders):
        due[:] = orders
        server.kill()
        server.live(orders)
        # One death a life.
        due[:] = [order for order in orders if "crash" not in order]

    recording = Recording(reach, chance, {"kept": "CREATE TABLE", "passing": "CREATE TEMP TABLE"})
    counts = run(recording, chance, wanted, server.happened, live)
    missing = [(point, what) for point, may in POINTS.items() for what in may if not counts[point, what]]
    assert not missing, f"nothing happened at {missing}"
    recording.close()


@pytest.fixture
def cluster(postgres, tmp_path):
    cluster = FailingCluster(postgres.new_database(), nodes=2, lease=1.0, arguments=("--spool", str(tmp_path / "spool")))
    yield cluster
    cluster.end()


def test_two_nodes_that_take_over_from_each_other(cluster, request):
    """Their own tables are on each alone: what is written goes with the session."""
    chance = seeded(request)
    wanted = LONG // 10 if request.config.getoption("--long") else HAPPENINGS // 10

    def reach():
        """A node; those that died are started again."""
        for node in cluster.nodes:
            if node.has_died():
                node.kill()
                node.live()
        return chance.choice(cluster.nodes)

    def live(orders):
        node = chance.choice(cluster.nodes)
        node.kill()
        node.live(orders)

    recording = Recording(reach, chance, {"passing": "CREATE TEMP TABLE", "also": "CREATE TEMP TABLE"})

    def happened():
        return [one for node in cluster.nodes for one in node.happened()]

    run(recording, chance, wanted, happened, live)
    recording.close()
