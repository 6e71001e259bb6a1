"""Nodes are restarted one after the other while clients work."""

import concurrent.futures
import threading
import time

import adbc_driver_flightsql.dbapi as adbc
import pytest

from cluster import Balancer, Cluster
from cluster_clients import Client
from pintail_process import wait_until


@pytest.fixture
def cluster(postgres):
    cluster = Cluster(postgres.new_database())
    yield cluster
    cluster.close()


def test_a_rolling_restart_is_not_noticed_by_busy_clients(cluster):
    balancer = Balancer(cluster.nodes)
    clients = [Client(balancer.uri, number) for number in range(32)]
    done = threading.Event()

    def work(client):
        calls, pause, errors = 0, 0.0, []
        while not done.is_set():
            begin = time.monotonic()
            try:
                client.check()
            except adbc.Error as error:
                errors.append(str(error))
            calls, pause = calls + 1, max(pause, time.monotonic() - begin)
        return calls, pause, errors

    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        workers = [pool.submit(work, client) for client in clients]
        try:
            for node in cluster.nodes:
                time.sleep(0.5)
                node.end()
                node.start()
        finally:
            done.set()
        results = [worker.result() for worker in workers]
    errors = [error for _, _, failed in results for error in failed]
    print(f"rolling restart of {len(cluster.nodes)} nodes under {len(clients)} clients: {sum(r[0] for r in results)} rounds "
          f"of calls, {len(errors)} errors, longest pause {max(r[1] for r in results):.2f} s")
    assert not errors, errors[:3]
    assert len(cluster.sessions()) == len(clients)
    for client in clients:
        client.close()
    balancer.close()


def test_an_operator_drains_a_node_and_its_sessions_are_at_its_peers(cluster):
    clients = [Client(cluster.nodes[0].uri, number) for number in range(4)]
    cluster.command("nodes", "drain", "node0")

    wait_until(lambda: {row["state"] for row in cluster.sessions().values()} == {"released"}, "the node to be empty")
    rows = {row["name"]: row for row in cluster.command("nodes", "ls", "--format", "json")}
    assert rows["node0"]["state"] == "draining"
    for client in clients:
        client.check()
    owners = {row["node"] for row in cluster.sessions().values()}
    assert "node0" not in owners, "the calls came to it, and were passed on"
    for client in clients:
        client.close()
