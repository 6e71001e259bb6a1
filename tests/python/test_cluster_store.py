"""The session store fails, and comes back; operators look into it."""

import contextlib
import json
import signal

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as flight
import pytest

from cluster import Cluster, Postgres
from cluster_clients import Client, connect, patiently
from flight_sql import Session
from pintail_process import wait_until


@pytest.fixture
def store():
    """A PostgreSQL of its own, to be ended and started again."""
    store = Postgres()
    yield store
    store.close()


def test_an_outage_of_the_store_is_never_a_wrong_credential_and_loses_nothing(store):
    cluster = Cluster(store.new_database(), nodes=2, lease=2.0)
    clients = [Client(node.uri, number) for number, node in enumerate(cluster.nodes)]
    for how in (signal.SIGINT, signal.SIGQUIT):
        store.stop(how)
        with pytest.raises(adbc.Error) as raised:
            connect(cluster.nodes[0].uri)
        assert "Unavailable" in str(raised.value) and "STORE_UNAVAILABLE" not in str(raised.value).split("(")[0]
        assert "Unauthenticated" not in str(raised.value)
        # Longer than the lease: the nodes give their sessions up, since nobody can say whose they are.
        wait_until(lambda: not any(node.healthy_now() for node in cluster.nodes), "the nodes to notice")
        store.start()
        for client in clients:
            client.goes_on()
    for client in clients:
        client.close()
    cluster.close(expected=("store", "lease", "lost", "handed back"))


def test_a_store_that_hangs_is_not_waited_for_without_end(store):
    cluster = Cluster(store.new_database(), nodes=2, lease=2.0)
    clients = [Client(node.uri, number) for number, node in enumerate(cluster.nodes)]
    with store.hung():
        # The driver would wait for ever: what ends it is the server's own bound.
        with pytest.raises(adbc.Error) as raised:
            connect(cluster.nodes[0].uri)
        assert "Unavailable" in str(raised.value) and "Unauthenticated" not in str(raised.value)
        wait_until(lambda: not any(node.healthy_now() for node in cluster.nodes), "the nodes to notice")
        for client in clients:
            with pytest.raises(adbc.Error) as raised:
                client.ask("SELECT 1")
            assert "Unauthenticated" not in str(raised.value)
    for client in clients:
        client.goes_on()
        client.close()
    cluster.close(expected=("store", "lease", "lost", "handed back"))


def test_operators_see_sessions_and_end_them(postgres):
    cluster = Cluster(postgres.new_database(), nodes=2)
    client = Client(cluster.nodes[0].uri, 7)
    client.ask("CREATE TEMP TABLE scratch (i INTEGER)")
    session, = cluster.sessions()
    row = cluster.sessions()[session]
    assert (row["user"], row["state"], row["node"], row["epoch"]) == ("ada", "active", "node0", 1)
    shown = {row["name"]: row["value"] for row in cluster.command("sessions", "show", session, "--format", "json")}
    assert (shown["id"], shown["node"], shown["state"]) == (session, "node0", "active")
    told = {row["what"]: row["survives"] for row in cluster.command("sessions", "why", session, "--format", "json")}
    assert told["variable mine"] == "yes" and told["setting integer_division"] == "yes"
    assert told['temporary table "scratch"'] == "no"
    assert told["prepared statements"] == "yes"

    client.close_prepared()
    cluster.command("sessions", "kill", session)
    with pytest.raises(adbc.Error, match="an operator ended it"):
        client.ask("SELECT 1")
    assert cluster.sessions()[session]["state"] == "closed"
    with contextlib.suppress(adbc.Error):
        client.connection.close()
    other = Client(cluster.nodes[1].uri, 8)
    other.check()
    other.close()
    cluster.close(expected=("handed back",))


class Heard(flight.ClientMiddlewareFactory):
    """The values of one header in all answers, in their order."""

    def __init__(self, name):
        super().__init__()
        self.name, self.values = name, []

    def start_call(self, info):
        heard = self

        class Hears(flight.ClientMiddleware):
            def received_headers(self, headers):
                heard.values += headers.get(heard.name, [])

        return Hears()


def test_the_first_answer_after_a_takeover_tells_what_it_could_not_bring_along(postgres):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0)
    heard = Heard("x-pintail-session-lost")
    session = Session(cluster.nodes[1], middleware=[heard])
    session.update('CREATE TEMP TABLE "größe" (i INTEGER)')
    session.update("SET VARIABLE x = 1")
    session.client.close()
    cluster.nodes[1].kill()
    client = flight.FlightClient(cluster.nodes[0].uri, middleware=[heard])
    options = flight.FlightCallOptions(headers=[session.header])
    assert heard.values == []
    patiently(lambda: list(client.list_actions(options=options)), flight.FlightError)
    assert [json.loads(value) for value in heard.values] == [['temporary table "größe"']]
    list(client.list_actions(options=options))
    assert len(heard.values) == 1, "it is told once"
    client.close()
    cluster.close(expected=("lease", "bring along"))


def test_what_a_takeover_could_not_bring_along_is_said(postgres):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0)
    client = Client(cluster.nodes[0].uri, 7)
    client.ask("CREATE TEMP TABLE scratch (i INTEGER)")
    session, = cluster.sessions()
    cluster.nodes[0].kill()
    cluster.nodes[0].start()
    client.goes_on()
    with pytest.raises(adbc.Error, match="scratch"):
        client.ask("SELECT count(*) FROM scratch")
    log = "".join(cluster.nodes[0].log)
    assert 'temporary table \\"scratch\\"' in log and "could not bring along" in log
    told = {row["what"]: row["survives"] for row in cluster.command("sessions", "why", session, "--format", "json")}
    assert 'temporary table "scratch"' not in told, "it is gone, and that was said"
    client.close()
    cluster.close()
