"""Nodes die at random moments, and the sessions of stock clients go on."""

import random
import time

import adbc_driver_flightsql.dbapi as adbc
import pytest

from cluster import Balancer, Cluster, EXPECTED, percentile, seeded
from cluster_clients import Client, connect

@pytest.fixture
def cluster(postgres):
    cluster = Cluster(postgres.new_database())
    yield cluster
    cluster.close(expected=EXPECTED)


@pytest.fixture
def balancer(cluster):
    balancer = Balancer(cluster.nodes)
    yield balancer
    balancer.close()


def test_sessions_go_on_after_kills_at_random_moments(cluster, balancer, request):
    chance = seeded(request)
    kills = 1000 if request.config.getoption("--long") else 30
    clients = [Client(balancer.uri, number) for number in range(6)]
    takeovers, failed = [], 0
    for _ in range(kills):
        node = chance.choice(cluster.nodes)
        time.sleep(chance.random() * 0.2)
        node.kill()
        killed = time.monotonic()
        for client in clients:
            failed += client.goes_on()
            takeovers.append(time.monotonic() - killed)
        node.start()
    sessions = cluster.sessions()
    assert len(sessions) == len(clients), "no session was lost, and none was made in the place of another"
    for client in clients:
        client.close()
    print(f"{kills} kills, {len(clients)} clients: a client had its session back after p50 "
          f"{percentile(takeovers, 0.5):.2f} s, p99 {percentile(takeovers, 0.99):.2f} s, at most {max(takeovers):.2f} s; "
          f"{failed} calls failed on the way")


def test_a_transaction_that_its_node_took_along_is_never_half_continued(cluster, balancer):
    node, other = cluster.nodes[0], cluster.nodes[1]
    with connect(node.uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (i INTEGER)")
        session = only(cluster.sessions())
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t VALUES (1)")
        node.kill()
        node.start()
        cursor_fails(cursor, "INSERT INTO t VALUES (2)", "TRANSACTION_LOST|40001|rolled back when its session")
        cursor.execute("ROLLBACK")
        cursor.execute("SELECT count(*) FROM t")
        assert cursor.fetchone() == (0,)
        assert cluster.sessions()[session]["epoch"] == 2
    assert other.healthy()


def cursor_fails(cursor, sql, why):
    """The statement fails for that reason, once the connection is there again."""
    end = time.monotonic() + 30
    while True:
        with pytest.raises(adbc.Error) as raised:
            cursor.execute(sql)
        if any(word in str(raised.value) for word in why.split("|")):
            return
        assert time.monotonic() < end, raised.value
        time.sleep(0.02)


def only(sessions):
    """The id of the only session."""
    (session,) = sessions
    return session
