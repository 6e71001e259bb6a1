"""Nodes die at random moments, and the sessions of stock clients go on."""

import os
import subprocess
import time

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as flight
import pytest

from cluster import Balancer, Cluster, EXPECTED, percentile, seeded
from cluster_clients import Client, connect
from pintail_process import DEADLINE, PASSWORD, ROOT, USER


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


class JdbcClient:
    """The JDBC driver with the token of a session; it connects again with it."""

    def __init__(self, balancer, number):
        self.number = number
        with flight.FlightClient(balancer.uri) as client:
            token = client.authenticate_basic_token(USER, PASSWORD)[1].decode().removeprefix("Bearer ")
        driver = os.environ["PINTAIL_JDBC_DRIVER"]
        url = f"jdbc:arrow-flight-sql://127.0.0.1:{balancer.port}/?useEncryption=false&token={token}"
        self.process = subprocess.Popen(
            ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", driver, ROOT / "tests/jdbc/Resuming.java", url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.ask(f"SET VARIABLE mine = {number}") == "done"
        assert self.ask("SET integer_division = true") == "done"
        self.failed = 0

    def ask(self, sql):
        """The only value of a statement's result."""
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()
        failed, _, value = self.process.stdout.readline().rstrip("\n").partition("\t")
        self.failed = int(failed)
        return value

    def goes_on(self):
        """The session is there, by another connection if need be; how many calls failed before it was."""
        assert self.ask("SELECT getvariable('mine') * 10 + 7 / 2") == str(self.number * 10 + 3)
        return self.failed

    def close(self):
        self.process.stdin.close()
        self.process.wait(DEADLINE)
        self.process.stdout.close()


def test_jdbc_clients_go_on_with_their_tokens(cluster, balancer, request):
    chance = seeded(request)
    kills = 100 if request.config.getoption("--long") else 6
    clients = [JdbcClient(balancer, number) for number in range(2)]
    failed = 0
    for _ in range(kills):
        node = chance.choice(cluster.nodes)
        time.sleep(chance.random() * 0.2)
        node.kill()
        failed += sum(client.goes_on() for client in clients)
        node.start()
    assert len(cluster.sessions()) == len(clients)
    for client in clients:
        client.close()
    print(f"{kills} kills, {len(clients)} JDBC clients: {failed} calls failed on the way, no session was lost")


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
