"""The disk under the spool is full: nothing that was acknowledged is lost but what was said beforehand, and it is kept again once
there is room."""

import contextlib
import functools
import resource
import signal
import subprocess

import pytest

from cluster import EXPECTED, Cluster
from cluster_clients import patiently
from pintail_process import DEADLINE, Server
from test_cluster_temporary import FAILURES, Client, why

# What a small table takes fits, and what a large one takes does not.
ROOM = 1_000_000
LARGE = "SELECT hash(i) AS h FROM range(500_000) r(i)"


class SmallDisk:
    """A file system of its own at a directory, in a namespace where this needs no privilege."""

    def __init__(self, directory):
        mount = f"mount -t tmpfs -o size={ROOM} none {directory} && echo mounted && exec sleep infinity"
        self.holder = subprocess.Popen(["unshare", "--map-root-user", "--mount", "sh", "-c", mount], stdout=subprocess.PIPE,
                                       text=True)
        assert self.holder.stdout.readline() == "mounted\n"
        self.inside = ["nsenter", "--target", str(self.holder.pid), "--user", "--mount", "--preserve-credentials"]
        self.directory = directory

    @staticmethod
    def is_possible():
        tried = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
        with contextlib.suppress(OSError):
            return subprocess.run(tried, capture_output=True, timeout=DEADLINE).returncode == 0
        return False

    def node(self):
        """What a node is that has this disk."""
        return type("OnSmallDisk", (Server,), {"launcher": self.inside})

    def grow(self, nodes):
        remount = ["mount", "-o", f"remount,size={50 * ROOM}", self.directory]
        subprocess.run([*self.inside, *remount], check=True, timeout=DEADLINE)

    def close(self):
        self.holder.kill()
        self.holder.wait(DEADLINE)
        self.holder.stdout.close()


class SmallFiles:
    """A limit to the files that a process writes, which a write finds in its middle as it does a full disk."""

    def node(self):
        """What a node is whose files are small."""
        limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
        # The write is to fail, and not to end the process.
        ignored = functools.partial(signal.signal, signal.SIGXFSZ, signal.SIG_IGN)
        return type("WithSmallFiles", (Server,), {"prepared": staticmethod(lambda: (limit(), ignored()))})

    def grow(self, nodes):
        for node in nodes:
            resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    def close(self):
        pass


@pytest.fixture(params=["files", *(["disk"] if SmallDisk.is_possible() else [])])
def small(request, tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    small = SmallDisk(spool) if request.param == "disk" else SmallFiles()
    small.spool = spool
    yield small
    small.close()


@pytest.fixture
def cluster(postgres, small):
    kind = type("OnFullDisk", (Cluster,), {"kind": small.node()})
    cluster = kind(postgres.new_database(), nodes=2, lease=1.0, arguments=("--spool", str(small.spool)))
    yield cluster
    cluster.close(expected=(*EXPECTED, "bring along", "can't be kept", "spool"))


def test_what_does_not_fit_on_the_disk_is_said_and_all_else_is_kept(cluster, small):
    client = Client(cluster)
    client.ask("CREATE TEMP TABLE fits AS SELECT range AS i FROM range(1000)")
    client.ask(f"CREATE TEMP TABLE large AS {LARGE}")
    assert client.ask("SELECT count(*) FROM large") == 500_000, "the statement is not refused, and the session goes on"
    client.ask("INSERT INTO fits VALUES (-1)")
    told = why(cluster, client.name)
    assert (told['temporary table "fits"'], told['temporary table "large"']) == ("yes", "no")
    client.move()
    assert client.ask("SELECT sum(i) FROM fits") == 499_499
    with pytest.raises(FAILURES, match='temporary table "large" ended with the node that had it: .* spool'):
        client.ask("FROM large")
    assert why(cluster, client.name)['temporary table "large"'] == "lost"
    # There is room, and the next change finds it.
    client.ask(f"CREATE TEMP TABLE large AS {LARGE}")
    assert why(cluster, client.name)['temporary table "large"'] == "no"
    checked = client.ask("SELECT sum(h) FROM large")
    small.grow(cluster.nodes)
    client.ask("INSERT INTO fits VALUES (1)")
    told = why(cluster, client.name)
    assert (told['temporary table "fits"'], told['temporary table "large"']) == ("yes", "yes")
    client.move()
    assert (client.ask("SELECT sum(h) FROM large"), client.ask("SELECT sum(i) FROM fits")) == (checked, 499_500)
    client.close()


def test_a_result_for_which_there_is_no_room_fails_and_the_next_one_does_not(cluster, small):
    client = Client(cluster)
    client.session.set_option("pintail.results", "spool")
    with pytest.raises(FAILURES, match="spool"):
        client.session.table(LARGE)
    assert client.session.table("SELECT 42").num_rows == 1
    small.grow(cluster.nodes)
    assert patiently(lambda: client.session.table(LARGE), FAILURES).num_rows == 500_000
    client.close()
