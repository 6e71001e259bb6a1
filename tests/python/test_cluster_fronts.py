"""Fronts pass calls on to engines: one that dies takes nothing along."""

import base64

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as flight
import pytest

from cluster import EXPECTED, Cluster
from cluster_clients import Client, ask, connect, patiently, resumed
from flight_sql import Session
from marked_reader import MarkedReader
from pintail_process import PASSWORD, USER
from wire import Wire


@pytest.fixture
def cluster(postgres):
    """Two fronts, then two engines."""
    cluster = Cluster(postgres.new_database(), nodes=4, roles=["front", "front", "engine", "engine"])
    yield cluster
    cluster.close(expected=EXPECTED)


def test_sessions_are_spread_over_the_engines_and_fronts_have_none(cluster):
    clients = [Client(cluster.nodes[number % 2].uri, number) for number in range(8)]
    owners = [row["node"] for row in cluster.sessions().values()]
    # Two fronts place without asking each other.
    assert set(owners) == {"node2", "node3"} and min(owners.count(node) for node in set(owners)) >= 2, owners
    rows = {row["name"]: row for row in cluster.command("nodes", "ls", "--format", "json")}
    assert [rows[f"node{n}"]["role"] for n in range(4)] == ["front", "front", "engine", "engine"]
    for client in clients:
        client.check()
        client.close()


def test_a_session_goes_on_when_its_front_dies_and_its_client_comes_by_another(cluster):
    first, second, *_ = cluster.nodes
    with flight.FlightClient(first.uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1].decode()
    session, = cluster.sessions()
    engine = cluster.owner(session)
    with resumed(first, token) as connection:
        for sql in ("CREATE TEMP TABLE mine AS FROM range(5)", "SET VARIABLE x = 7", "BEGIN", "INSERT INTO mine VALUES (5)"):
            ask(connection, sql)
        first.kill()
        with resumed(second, token) as again:
            assert ask(again, "SELECT getvariable('x')") == 7
            assert ask(again, "SELECT count(*) FROM mine") == 6, "in its transaction, with its temporary table"
            ask(again, "COMMIT")
            assert cluster.sessions()[session]["epoch"] == 1 and cluster.owner(session) is engine
            first.start()
            assert patiently(lambda: ask(connection, "SELECT count(*) FROM mine")) == 6, "and by the first, once it is back"
    assert engine.process.poll() is None


@pytest.mark.parametrize("what", ["the front dies", "the connection to the front breaks", "the connection to the front is dead"])
def test_a_result_goes_on_by_another_front_without_being_run_again(cluster, what):
    first, second, *_ = cluster.nodes
    wire = Wire("127.0.0.1", int(first.uri.rsplit(":", 1)[1]))
    with Session(second) as session:
        # Other rows each time it is run: only what the engine still has can go on.
        sql = "SELECT i, random() AS r, repeat('x', 200) AS wide FROM range(2_000_000) t(i)"
        reader = MarkedReader(session.info(sql).endpoints[0].ticket, session.header, resumable=True)
        reader.open(f"grpc://127.0.0.1:{wire.port}")
        reader.read(3)
        if what == "the front dies":
            first.kill()
        elif "breaks" in what:
            wire.close()
        else:
            wire.cut()
        reader.open(second.uri)
        assert reader.read() and reader.rows == 2_000_000
    wire.close()


def test_a_client_without_a_handshake_has_one_session_through_a_front(cluster):
    """Basic credentials with every call, and no session named: the session is that of the connection."""
    with connect(cluster.nodes[0].uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET VARIABLE x = 1")
        cursor.execute("SELECT getvariable('x')")
        assert cursor.fetchone() == (1,)
    with flight.FlightClient(cluster.nodes[1].uri) as client:
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode())
        call = flight.FlightCallOptions(headers=[(b"authorization", b"Basic " + basic)])
        before = len(cluster.sessions())
        for _ in range(3):
            assert list(client.list_actions(options=call))
        assert len(cluster.sessions()) == before + 1


def test_without_an_engine_a_front_says_what_is_missing(postgres):
    cluster = Cluster(postgres.new_database(), nodes=1, roles=["front"])
    with pytest.raises(adbc.Error, match="no node that takes sessions can be reached"):
        connect(cluster.nodes[0].uri)
    cluster.close()
