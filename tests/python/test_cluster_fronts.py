"""Fronts pass calls on to engines: one that dies takes nothing along."""

import base64
import threading

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as flight
import pytest

from cluster import EXPECTED, Cluster
from cluster_clients import Client, connect
from pintail_process import PASSWORD, USER, wait_until


@pytest.fixture
def cluster(postgres):
    """Two fronts, then two engines."""
    cluster = Cluster(postgres.new_database(), nodes=4, roles=["front", "front", "engine", "engine"])
    yield cluster
    cluster.close(expected=EXPECTED)


def test_sessions_are_spread_over_the_engines_and_fronts_have_none(cluster):
    clients = [Client(cluster.nodes[number % 2].uri, number) for number in range(8)]
    owners = [row["node"] for row in cluster.sessions().values()]
    assert sorted(owners) == ["node2"] * 4 + ["node3"] * 4
    rows = {row["name"]: row for row in cluster.command("nodes", "ls", "--format", "json")}
    assert [rows[f"node{n}"]["role"] for n in range(4)] == ["front", "front", "engine", "engine"]
    for client in clients:
        client.check()
        client.close()


def test_a_statement_goes_on_when_its_front_dies_and_its_client_comes_by_another(cluster):
    first, second, *engines = cluster.nodes
    with flight.FlightClient(first.uri) as client:
        token = client.authenticate_basic_token(USER, PASSWORD)[1].decode()
    options = {"adbc.flight.sql.authorization_header": token}
    session, = cluster.sessions()
    engine = cluster.owner(session)
    with adbc.connect(first.uri, db_kwargs=options, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE mine AS FROM range(5)")
        cursor.execute("SET VARIABLE x = 7")
        broken = []

        def long():
            try:
                cursor.execute("CREATE TEMP TABLE later AS SELECT count(*) c FROM range(40000) a, range(20000) b WHERE a.range <> b.range")
            except adbc.Error as error:
                broken.append(str(error))

        working = threading.Thread(target=long)
        working.start()
        wait_until(engine.busy, "the statement")
        first.kill()
        working.join(60)
        assert broken, "the call through the front that died fails"
        with adbc.connect(second.uri, db_kwargs=options, autocommit=True) as again, again.cursor() as other:
            other.execute("SELECT getvariable('x'), (SELECT count(*) FROM mine)")
            assert other.fetchone() == (7, 5), "the same session, with its temporary table"
    assert cluster.sessions()[session]["epoch"] == 1 and cluster.owner(session) is engine
    assert engine.process.poll() is None


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
