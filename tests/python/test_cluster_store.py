"""The session store fails, and comes back; operators look into it."""

import contextlib
import json
import signal

import adbc_driver_flightsql.dbapi as adbc
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from cluster import EXPECTED, Cluster, Postgres
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


@pytest.mark.parametrize("engine", ["duckdb", "datafusion"])
def test_a_result_whose_session_is_ended_does_not_look_complete(postgres, engine):
    cluster = Cluster(postgres.new_database(), nodes=2, arguments=("--engine", engine))
    for node in cluster.nodes:
        session = Session(node)
        name, = (name for name, row in cluster.sessions().items() if row["state"] == "active")
        reader = session.stream("SELECT i, repeat('x', 100) AS padding FROM range(100000000) t(i)")
        reader.read_chunk()
        cluster.command("sessions", "kill", name)
        with pytest.raises(pa.ArrowException, match="closed|ended"):
            while True:
                reader.read_chunk()
        session.client.close()
    cluster.close()


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


def test_answers_after_a_takeover_tell_what_it_could_not_bring_along(postgres):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0)
    heard = Heard("x-pintail-session-lost")
    session = Session(cluster.nodes[1], middleware=[heard])
    session.update('CREATE TEMP TABLE "größe" (i INTEGER)')
    session.update("CREATE TEMP TABLE other (i INTEGER)")
    session.client.close()
    cluster.nodes[1].kill()
    assert heard.values == []
    session = Session(cluster.nodes[0], header=session.header, middleware=[heard])
    assert patiently(lambda: session.value("SELECT 42"), flight.FlightError) == 42
    told = json.loads(heard.values[0])
    assert [(lost["what"], lost["epoch"]) for lost in told] == [('temporary table "größe"', 2), ('temporary table "other"', 2)]
    assert all("--spool" in lost["why"] for lost in told)
    # Had that answer not arrived, the next would tell it.
    assert len(heard.values) > 1 and len(set(heard.values)) == 1
    # What is made again is not lost any more.
    session.update('CREATE TEMP TABLE "größe" (i INTEGER)')
    del heard.values[:]
    assert session.value("SELECT 42") == 42
    assert [lost["what"] for lost in json.loads(heard.values[0])] == ['temporary table "other"']
    session.close()
    cluster.close(expected=("lease", "bring along"))


def test_what_was_lost_is_said_by_those_who_miss_it_also_after_another_takeover(postgres):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0)
    client = Client(cluster.nodes[0].uri, 7)
    client.ask("CREATE TEMP TABLE scratch (i INTEGER)")
    session, = cluster.sessions()
    for life in range(2):
        cluster.nodes[0].kill()
        cluster.nodes[0].start()
        client.goes_on()
        with pytest.raises(adbc.Error, match='temporary table "scratch" ended with the node that had it: .*--spool') as raised:
            client.ask("SELECT count(*) FROM scratch")
        assert "[42P01]" in str(raised.value)
        # The ErrorInfo names it, too.
        assert any(b'lost\x12\x19temporary table "scratch"' in detail for _, detail in raised.value.details)
        with pytest.raises(adbc.Error) as raised:
            client.ask("SELECT count(*) FROM scratches")
        assert "ended with the node" not in str(raised.value)
        told = {row["what"]: (row["survives"], row["why"]) for row in why(cluster, session)}
        survives, reason = told['temporary table "scratch"']
        assert survives == "lost" and "--spool" in reason, f"after life {life}"
        with client.connection.cursor() as cursor:
            cursor.execute("SHOW pintail.resumable")
            assert told == {what: (survives, reason) for what, survives, reason in cursor.fetchall()}
    log = "".join(cluster.nodes[0].log)
    assert 'temporary table \\"scratch\\"' in log and "could not bring along" in log
    # It is there again, and is what would be lost next.
    client.ask("CREATE TEMP TABLE scratch (i INTEGER)")
    assert [row["survives"] for row in why(cluster, session) if "scratch" in row["what"]] == ["no"]
    client.close()
    cluster.close()


def test_of_ten_thousand_settings_of_one_name_the_journal_has_the_last(postgres):
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0)
    client = Client(cluster.nodes[0].uri, 7)
    session, = cluster.sessions()
    before = [row["what"] for row in why(cluster, session)]
    for hundred in range(100):
        client.ask("; ".join(f"SET VARIABLE last = {100 * hundred + number}" for number in range(100)))
    assert sorted(row["what"] for row in why(cluster, session)) == sorted([*before, "variable last"])
    entries = postgres.ask(cluster.store, f"SELECT count(*) FROM pintail.journal WHERE session = '{session}' AND key LIKE '%last%'")
    assert entries == "1"
    cluster.nodes[0].kill()
    cluster.nodes[0].start()
    client.goes_on()
    assert client.ask("SELECT getvariable('last')") == 9_999
    client.close()
    cluster.close(expected=EXPECTED)


def why(cluster, session):
    return cluster.command("sessions", "why", session, "--format", "json")
