"""The server dies, fails or waits before and after every step of a write, of a takeover and of a result: whatever its clients
were told is so."""

import collections

import pytest

from cluster import seeded
from failpoints import POINTS, RARE, FailingCluster, FailingServer, order
from lake import Lake
from outcomes import TRIES, Recording

# How often something happens at the places of one server, at least, and of nodes: 500 times in all.
HAPPENINGS, LONG = 400, 20_000
OF_NODES, LONG_OF_NODES = 50, 2_000

# How often a place is passed before something happens there.
PASSED = (0, 0, 1, 2, 4)

# What is done in a life of a server before it is killed where it did not die by itself.
STEPS = 8


def every_happening(without=()):
    """What can happen where, but for the places that are not there."""
    return [(point, what) for point, may in POINTS.items() for what in may if point not in without]


def orders(chance, counts, happenings):
    """Where something is to happen next: one crash, and some failures and delays, those first that happened least often."""
    def rarest(whats, most):
        every = [(point, what) for point, what in happenings if what in whats]
        chance.shuffle(every)
        return sorted(every, key=lambda one: counts[one])[:most]

    chosen = rarest(("delay", "error"), chance.randint(1, 4)) + rarest(("crash",), 1)
    return [order(point, what, 0 if point.startswith(RARE) else chance.choice(PASSED)) for point, what in dict(chosen).items()]


class Happened:
    """What has happened so far."""

    def __init__(self, ask):
        self.ask = ask
        self.counts = collections.Counter()
        # How often the spool has failed in all, and until the temporary tables were last kept.
        self.spool_failed, self.kept = 0, 0

    def look(self):
        new = self.ask()
        self.counts.update(new)
        self.spool_failed += sum(point.startswith("spool") and what == "error" for point, what in new)

    def may_end(self):
        """Whether a temporary table may end with its node: where it could not be kept. Nothing else may."""
        self.look()
        return self.spool_failed > self.kept

    def keep(self, recording):
        """Writes to the temporary tables until they are kept."""
        for _ in range(TRIES):
            if not self.may_end():
                return
            before = self.spool_failed
            recording.until_there(recording.keep)
            self.look()
            if self.spool_failed == before:
                self.kept = before
        raise AssertionError(f"the spool failed {self.spool_failed} times")


def run(recording, chance, wanted, happenings, happened, live):
    """Lives of servers, one after the other, until so much has happened, and everything that can; each is checked by the next."""
    recording.may_end = happened.may_end
    for number in range(wanted * 2):
        live(orders(chance, happened.counts, happenings))
        try:
            for _ in range(STEPS):
                recording.do()
            # In every other life that which could not be kept ends with its node.
            if number % 2:
                happened.keep(recording)
            recording.until_there(recording.check)
        except BaseException:
            print(f"life {number}; last failures {recording.failures[-5:]}")
            raise
        happened.look()
        missing = [one for one in happenings if not happened.counts[one]]
        if happened.counts.total() >= wanted and not missing:
            print(f"{happened.counts.total()} happenings in {number + 1} lives, {len(recording.failures)} failures told, "
                  f"{len(recording.ended)} things ended with their node; {dict(happened.counts)}")
            return
    raise AssertionError(f"nothing happened at {missing}: {happened.counts}")


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
    run(recording, chance, wanted, every_happening(), Happened(server.happened), live)
    recording.close()


@pytest.fixture
def cluster(postgres, tmp_path):
    cluster = FailingCluster(postgres.new_database(), nodes=2, lease=1.0, arguments=("--spool", str(tmp_path / "spool")))
    yield cluster
    cluster.end()


def run_nodes(cluster, request, tables, without, meanwhile=lambda chance: None, **options):
    """The same with nodes that take over from each other, at all places but these; `meanwhile` is done in each life."""
    chance = seeded(request)
    wanted = LONG_OF_NODES if request.config.getoption("--long") else OF_NODES

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
        meanwhile(chance)
        node.live(orders)

    recording = Recording(reach, chance, tables, **options)

    def happened():
        return [one for node in cluster.nodes for one in node.happened()]

    run(recording, chance, wanted, every_happening(without), Happened(happened), live)
    recording.close()


def test_two_nodes_that_take_over_from_each_other(cluster, request):
    """Their own tables are on each alone: what is written goes with the session, and so do the receipts."""
    without = ("receipt.before", "receipt.written", "commit.prepared")
    run_nodes(cluster, request, {"passing": "CREATE TEMP TABLE", "also": "CREATE TEMP TABLE"}, without)


@pytest.fixture
def cluster_on_a_lake(postgres, s3, tmp_path):
    config = tmp_path / "pintail.toml"
    config.write_text("\n".join(s3.secret("files")))
    arguments = (*Lake(postgres, tmp_path).arguments, "--config", str(config), "--spool", "s3://bucket/spool", "--spool-secret", "files")
    cluster = FailingCluster(postgres.new_database(), nodes=2, lease=1.0, arguments=arguments)
    yield cluster
    cluster.end()


def test_two_nodes_that_share_their_tables_and_an_object_store(cluster_on_a_lake, s3, request):
    """What is written is in a lake or goes with the session; the object store fails now and then too."""
    def stumble(chance):
        s3.do(chance.choice(["answer stumble", "answer real"]))

    # An object store has no names to be given later.
    without = ("spool.named",)
    run_nodes(cluster_on_a_lake, request, {"kept": "CREATE TABLE", "passing": "CREATE TEMP TABLE"}, without, stumble, returning=False)
