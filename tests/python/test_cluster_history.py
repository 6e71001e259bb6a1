"""Clients read and append to lists that all nodes share, while nodes die and are stopped: what they saw is judged."""

import collections
import contextlib
import functools
import random
import signal
import time

import pytest

from client_connection import connect
from cluster import EXPECTED, Cluster, seeded
from history_check import check, report
from history_clients import Client, create, progress, recorded
from history_damage import DAMAGES
from lake import SECRET, Lake
from pintail_process import DEADLINE, wait_until

CLIENTS = 6
#: How many nodes are killed at each kill, and how often one is stopped.
KILLS, STOPS = (1,) * 9 + (2,) * 3, 6


@pytest.fixture
def cluster(postgres, tmp_path):
    cluster = Cluster(postgres.new_database(), nodes=3, lease=1.0, arguments=Lake(postgres, tmp_path).arguments)
    yield cluster
    cluster.close(expected=(*EXPECTED, "through the server's fault"))
    for node in cluster.nodes:
        assert SECRET not in "".join(node.log), "a secret is in the server's log"


class Faults:
    """What befalls the nodes, and how many clients that was felt by."""

    def __init__(self, cluster, clients, chance):
        self.cluster, self.clients, self.chance = cluster, clients, chance
        self.counts = collections.Counter()

    def kill(self, count):
        """Kills so many nodes, and starts them again at once or when the others have taken over."""
        nodes = self.chance.sample(self.cluster.nodes, count)
        for node in nodes:
            self._note(node)
            node.kill()
            self.counts["kills"] += 1
        if self.chance.random() < 0.5:
            progress(self.clients)
        for node in nodes:
            node.start()

    def stop(self):
        """Stops a node for longer than its lease, and lets it go on as if nothing had been."""
        node = self.chance.choice(self.cluster.nodes)
        self._note(node)
        node.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: not self._is_alive(node), "the end of the stopped node's lease")
            progress(self.clients)
        finally:
            node.process.send_signal(signal.SIGCONT)
        self.counts["stops"] += 1

    def _note(self, node):
        """Counts the clients that are connected to the node in a transaction now, and those that wait for a commit."""
        hit = [client for client in self.clients if client.busy and client.connection.uri == node.uri]
        self.counts["transactions hit"] += len(hit)
        self.counts["commits hit"] += sum(client.committing for client in hit)

    def _is_alive(self, node):
        """Whether the store has the node for alive. Its earlier processes are in there as well."""
        name = f"node{self.cluster.nodes.index(node)}"
        rows = self.cluster.command("nodes", "ls", "--format", "json")
        return any(row["name"] == name and row["state"] == "live" for row in rows)


def one_history(cluster, chance, schema, folder):
    """A history of clients whose nodes fail, and how often they did."""
    with connect(*cluster.nodes, autocommit=True) as observer:
        create(observer, schema)
        clients = [Client(cluster, number, schema, chance.random()) for number in range(CLIENTS)]
        faults = Faults(cluster, clients, chance)
        with contextlib.ExitStack() as ends:
            for client in clients:
                ends.callback(client.connection.close)
                ends.callback(client.finish, DEADLINE)
                client.start()
            progress(clients)
            coming = [functools.partial(faults.kill, count) for count in KILLS] + [faults.stop] * STOPS
            chance.shuffle(coming)
            for befall in coming:
                time.sleep(chance.random() * 0.3)
                befall()
                progress(clients)
        history = recorded(clients, observer, schema)
    history.save(folder / f"{schema}.json")
    faults.counts["reattachments"] = sum(client.connection.reattachments for client in clients)
    return history, faults.counts


def test_what_clients_see_and_are_told_while_nodes_fail_is_strong_snapshot_isolation(cluster, tmp_path, request):
    chance = seeded(request)
    rounds = 12 if request.config.getoption("--long") else 1
    total = collections.Counter()
    for number in range(rounds):
        history, befell = one_history(cluster, chance, f"history_{number}", tmp_path)
        anomalies = check(history)
        print(report(history, anomalies))
        assert not anomalies, f"the history is in {tmp_path}/history_{number}.json"
        # The check is worth something: each damage to this very history is noticed.
        for damage in DAMAGES:
            damaged, names = damage(history, random.Random(chance.random()))
            noticed = {anomaly.name for anomaly in check(damaged)}
            assert noticed & names, f"{damage.__name__}: {noticed} was noticed, and none of {names}"
        total.update(befell)
        total.update(history.counts())
        total["appends"] += sum(map(len, history.final.values()))
    print(", ".join(f"{what}: {count}" for what, count in total.items()))
    assert total["kills"] == sum(KILLS) * rounds and total["stops"] == STOPS * rounds
    assert total["transactions hit"] > 0 and total["reattachments"] > 0, "no node failed while it was waited for"
    # What `progress` waits for: before the first of them, and after each.
    assert total["ok"] >= CLIENTS * (1 + len(KILLS) + STOPS) * rounds
