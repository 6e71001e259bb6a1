"""Writes of the Python client whose answers are lost: each has an identity, and is sent again with the same one, but only to a
server that says it knows it again."""

import uuid

import pyarrow as pa
import pytest

import pintail
from recording_server import RecordingServer

WRITES = {
    "update": lambda connection: connection.execute("DELETE FROM t").rowcount,
    "prepared update": lambda connection: connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)]).rowcount,
    "ingest": lambda connection: connection.ingest("t", pa.table({"i": [1, 2, 3]}), mode="append"),
}
ROWS = {"update": 0, "prepared update": 2, "ingest": 3}


def connect(server, **options):
    return pintail.connect(server.uri, user="ada", password="x", **{"autocommit": True, **options})


@pytest.mark.parametrize("lost", [0, 1, 3])
@pytest.mark.parametrize("write", WRITES)
def test_a_write_is_sent_again_with_its_identity(write, lost):
    with RecordingServer("resume, request-id", lost=lost) as server, connect(server) as connection:
        assert WRITES[write](connection) == ROWS[write]
        assert len(server.came) == lost + 1 and len(set(server.came)) == 1
        assert uuid.UUID(server.came[0]).version == 4
        assert connection.reattachments == lost
        assert WRITES[write](connection) == ROWS[write]
        assert len(server.applied) == 2, "another write has another identity"


@pytest.mark.parametrize("write", WRITES)
def test_a_write_is_not_sent_again_to_a_server_that_does_not_know_it_again(write):
    with RecordingServer("resume") as server, connect(server) as connection:
        with pytest.raises(pintail.OutcomeUnknownError):
            WRITES[write](connection)
        assert len(server.came) == 1 and server.came[0] is not None


def test_a_write_is_not_sent_again_to_a_node_of_an_older_version():
    with RecordingServer("request-id", "") as server, connect(server) as connection:
        with pytest.raises(pintail.OutcomeUnknownError):
            WRITES["ingest"](connection)
        assert len(server.came) == 1 and connection.reattachments == 1


def test_a_write_whose_every_answer_is_lost_has_an_unknown_outcome():
    with RecordingServer("request-id", lost=100) as server:
        connection = connect(server)
        with pytest.raises(pintail.OutcomeUnknownError) as raised:
            WRITES["ingest"](connection)
        assert (raised.value.code, raised.value.sqlstate) == ("OUTCOME_UNKNOWN", "08007")
        assert len(server.came) == 1 + 5 and connection.reattachments == 5
        connection.close()


def test_rows_that_can_be_read_once_are_not_sent_again():
    with RecordingServer("request-id") as server, connect(server) as connection:
        with pytest.raises(pintail.OutcomeUnknownError):
            connection.ingest("t", pa.table({"i": [1]}).to_reader(), mode="append")
        # The rows came once; what came then was the end of the transaction that they were in.
        assert len(server.came) == 2 and server.came[1] is None


def test_a_commit_is_asked_for_again_with_its_identity():
    with RecordingServer("request-id", lost=0) as server, connect(server, autocommit=False) as connection:
        connection.execute("DELETE FROM t")
        server.lost = 1
        connection.commit()
        write, *commits = server.came
        assert len(commits) == 2 and len(set(commits)) == 1 and commits[0] != write
