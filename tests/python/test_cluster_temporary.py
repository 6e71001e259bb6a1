"""A session's temporary objects after its node was killed: what goes with it is the same, and what does not is told."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from cluster import EXPECTED, Cluster
from cluster_clients import patiently
from flight_sql import COMMIT, ROLL_BACK, Session

FAILURES = (flight.FlightError, pa.ArrowException)


@pytest.fixture
def cluster(postgres):
    """Nodes without a spool in which one would find what another has kept."""
    cluster = Cluster(postgres.new_database(), nodes=2, lease=1.0)
    yield cluster
    cluster.close(expected=(*EXPECTED, "bring along"))


class Client:
    """A session that goes on at whichever node is there."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.session = Session(cluster.nodes[0])
        self.name, = cluster.sessions()

    def ask(self, sql):
        """The only value of a statement's result, if it has any."""
        table = self.session.table(sql)
        return table.column(0)[0].as_py() if table.num_rows and table.num_columns else None

    def move(self):
        """Kills the session's node, and goes on at the other, which is returned."""
        owner, survivor = self.leave()
        # What is told of an open transaction is an answer, too.
        patiently(self._is_there, FAILURES)
        owner.start()
        assert self.cluster.owner(self.name) is survivor
        return survivor

    def leave(self):
        """Kills the session's node, and calls the other from now on; both of them."""
        owner = self.cluster.owner(self.name)
        survivor, = (node for node in self.cluster.nodes if node is not owner)
        self.session.client.close()
        owner.kill()
        self.session = Session(survivor, header=self.session.header)
        return owner, survivor

    def _is_there(self):
        list(self.session.client.list_actions(options=self.session.options))

    def close(self):
        self.session.close()


@pytest.fixture
def client(cluster):
    client = Client(cluster)
    yield client
    client.close()


def why(cluster, session):
    return {row["what"]: row["survives"] for row in cluster.command("sessions", "why", session, "--format", "json")}


DEFINED = [
    "CREATE TEMP TYPE mood AS ENUM ('happy', 'it''s', 'größe', '')",
    "CREATE TEMP TYPE place AS STRUCT(x DOUBLE, \"the y\" DECIMAL(30, 3)[])",
    "CREATE TEMP TYPE of_another AS place[]",
    "CREATE TEMP MACRO twice(a) AS a * 2",
    "CREATE TEMP MACRO \"odd name\"(a, b := 'it''s') AS a || b",
    "CREATE TEMP MACRO several(a) AS a + 1, (a, b) AS a + b",
    "CREATE TEMP MACRO numbers(n) AS TABLE SELECT i, twice(i) AS t FROM range(n) r(i)",
    "CREATE TEMP VIEW base AS SELECT i, 'happy'::mood AS m FROM range(5) t(i)",
    "CREATE TEMP VIEW \"Above\" (number, feeling) AS SELECT i + 1, m FROM base WHERE i % 2 = 0",
    "CREATE TEMP SEQUENCE plain",
    "CREATE TEMP SEQUENCE \"by tens\" INCREMENT BY 10 MINVALUE 5 MAXVALUE 95 START 15 CYCLE",
]

ASKED = [
    "SELECT string_agg(e, '|') FROM (SELECT unnest(enum_range(NULL::mood)) AS e)",
    "SELECT {'x': 1.5, 'the y': [2.125]}::place::VARCHAR",
    "SELECT typeof([]::of_another)",
    "SELECT twice(21) || \"odd name\"('a') || \"odd name\"('a', 'b') || several(1) || several(1, 5)",
    "SELECT sum(t) FROM numbers(4)",
    "SELECT string_agg(number || feeling, ',') FROM \"Above\"",
]


def test_what_can_be_written_down_is_the_same_on_another_node(cluster, client):
    for sql in DEFINED:
        client.ask(sql)
    before = [client.ask(sql) for sql in ASKED]
    # By a statement that only reads, by one of many rows, and in a write.
    assert [client.ask("SELECT nextval('plain')") for _ in range(3)] == [1, 2, 3]
    assert client.ask("SELECT nextval('plain') + i FROM range(5000) t(i)") == 4
    assert [client.ask("SELECT nextval('by tens')") for _ in range(8)] == [15, 25, 35, 45, 55, 65, 75, 85]
    client.ask("CREATE TABLE permanent AS SELECT nextval('plain') AS n")
    client.ask("CREATE OR REPLACE TEMP MACRO twice(a) AS a + a")
    client.ask("CREATE TEMP VIEW passing AS SELECT 1")
    client.ask("DROP VIEW passing")
    told = why(cluster, client.name)
    assert told['temporary view "Above"'] == told['temporary macro "odd name"'] == "yes", told
    assert told['temporary sequence "plain"'] == told['temporary type "mood"'] == "yes", told
    assert not any("passing" in what for what in told)
    client.move()
    assert [client.ask(sql) for sql in ASKED] == before
    assert client.ask("SELECT nextval('plain')") == 5005
    assert [client.ask("SELECT nextval('by tens')") for _ in range(3)] == [95, 5, 15]
    with pytest.raises(FAILURES, match="passing"):
        client.ask("FROM passing")
    # And once more: what was brought along is brought along again.
    client.move()
    assert [client.ask(sql) for sql in ASKED] == before
    assert client.ask("SELECT nextval('plain')") == 5006


def test_what_reads_a_lost_table_is_told_with_it(cluster, client):
    for sql in ("CREATE TEMP TABLE mine AS SELECT 1 AS i", "CREATE TEMP VIEW over_it AS FROM mine",
                "CREATE TEMP VIEW apart AS SELECT 2 AS i", "CREATE TEMP VIEW far AS SELECT * FROM over_it"):
        client.ask(sql)
    told = why(cluster, client.name)
    assert {what: kept for what, kept in told.items() if what.startswith("temporary")} == {
        'temporary table "mine"': "no", 'temporary view "over_it"': "no", 'temporary view "far"': "no",
        'temporary view "apart"': "yes"}
    client.move()
    assert client.ask("FROM apart") == 2
    with pytest.raises(FAILURES, match="over_it"):
        client.ask("FROM over_it")
    # The names are free.
    client.ask("CREATE TEMP VIEW over_it AS SELECT 3")
    assert client.ask("FROM over_it") == 3


def test_what_can_not_be_made_again_is_told_and_costs_nothing_else(cluster, client):
    # This table is in the node's own database.
    client.ask("CREATE TABLE of_this_node AS SELECT 1 AS i")
    client.ask("CREATE TEMP VIEW over_it AS FROM of_this_node")
    client.ask("CREATE TEMP MACRO one() AS 1")
    client.ask("SET VARIABLE mine = 7")
    survivor = client.move()
    log = "".join(survivor.log)
    assert 'temporary view \\"over_it\\"' in log and "could not bring along" in log
    assert client.ask("SELECT one() + getvariable('mine')") == 8
    assert why(cluster, client.name)['temporary view "over_it"'] == "lost"
    with pytest.raises(FAILURES, match='temporary view "over_it" ended with the node that had it'):
        client.ask("FROM over_it")
    client.ask("CREATE TEMP VIEW over_it AS SELECT 2")
    assert why(cluster, client.name)['temporary view "over_it"'] == "yes"


def test_objects_of_a_transaction_that_is_rolled_back_by_a_takeover_are_not_there(cluster, client):
    client.ask("CREATE TEMP VIEW before AS SELECT 1")
    client.ask("CREATE TEMP SEQUENCE numbers")
    for sql in ("BEGIN", "CREATE TEMP VIEW within AS SELECT 2", "DROP VIEW before", "SELECT nextval('numbers')"):
        client.ask(sql)
    assert not any("within" in what for what in why(cluster, client.name))
    client.move()
    with pytest.raises(FAILURES, match="rolled back"):
        client.ask("FROM before")
    client.ask("ROLLBACK")
    assert client.ask("FROM before") == 1
    assert client.ask("SELECT nextval('numbers')") == 2, "no number is given twice"
    with pytest.raises(FAILURES, match="within"):
        client.ask("FROM within")
    for sql in ("BEGIN", "CREATE TEMP VIEW within AS SELECT 3", "COMMIT"):
        client.ask(sql)
    assert why(cluster, client.name)['temporary view "within"'] == "yes"
    client.move()
    assert client.ask("FROM within") == 3


def test_objects_of_a_transaction_that_was_committed_by_action_are_there(cluster, client):
    transaction = client.session.begin()
    client.session.update("CREATE TEMP MACRO one() AS 1", transaction)
    assert not any("one" in what for what in why(cluster, client.name))
    client.session.end(transaction, COMMIT)
    transaction = client.session.begin()
    client.session.update("CREATE TEMP MACRO two() AS 2", transaction)
    client.session.end(transaction, ROLL_BACK)
    client.move()
    assert client.ask("SELECT one()") == 1
    with pytest.raises(FAILURES, match="two"):
        client.ask("SELECT two()")
