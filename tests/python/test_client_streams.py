"""Results that break off: the Python client goes on at the exact batch where the server can, and else says that it can't."""

import contextlib

import pytest

import pintail
from pintail.resumption import GoOn, Position
from resuming_server import BATCHES, ROWS, TOKEN, ResumingServer

ALL = list(range(BATCHES * ROWS))


@pytest.fixture
def resuming():
    """Makes servers, and connections to them."""
    with contextlib.ExitStack() as stack:
        def resuming(**how):
            server = stack.enter_context(ResumingServer(**how))
            connection = pintail.connect([server.uri], user="ada", password="x", autocommit=True)
            stack.enter_context(connection)
            return server, connection
        yield resuming


def rows(connection):
    """All rows, each batch as it comes."""
    return [value for batch in connection.execute("SELECT i").fetch_record_batch() for value in batch["i"].to_pylist()]


def test_a_result_without_a_break_is_asked_for_once(resuming):
    server, connection = resuming()
    assert rows(connection) == ALL
    assert (server.resumed_at, server.resumable) == ([None], ["1"])
    assert connection.features == {"resume"} and connection.session_token == TOKEN


@pytest.mark.parametrize("breaks", [[1], [3], [5], [2, 4, 5], [1, 2, 3, 4, 5]])
def test_a_result_goes_on_with_the_batch_after_the_last_that_came(resuming, breaks):
    server, connection = resuming(breaks=breaks)
    assert rows(connection) == ALL
    assert server.resumed_at == [None, *(server.mark(number) for number in breaks)]
    assert server.planned == 1, "the statement is not run again"
    assert connection.reattachments == len(breaks)


def test_a_result_goes_on_wherever_the_application_is(resuming):
    _, connection = resuming(breaks=[2, 3])
    cursor = connection.execute("SELECT i")
    assert cursor.fetchmany(25) == [(i,) for i in ALL[:25]]
    assert cursor.fetch_arrow_table()["i"].to_pylist() == ALL[25:]


def test_a_break_before_the_first_batch_is_not_noticed(resuming):
    server, connection = resuming(breaks=[0, 0])
    assert rows(connection) == ALL
    assert server.resumed_at == [None, None, None]


def test_what_makes_no_progress_is_given_up_after_five_reattaches(resuming):
    server, connection = resuming(breaks=[2] * 20)
    with pytest.raises(pintail.OperationalError, match="broke again") as raised:
        rows(connection)
    assert raised.value.code == "CONNECTION_BROKEN"
    assert connection.reattachments == 5
    assert server.resumed_at == [None, *[server.mark(2)] * 5]


def test_a_result_that_would_go_on_with_other_rows_is_refused(resuming):
    _, connection = resuming(breaks=[3], changes=True)
    cursor = connection.execute("SELECT i")
    assert cursor.fetchmany(30) == [(i,) for i in ALL[:30]]
    with pytest.raises(pintail.ResultChangedError) as raised:
        cursor.fetchone()
    assert (raised.value.code, raised.value.sqlstate) == ("RESULT_CHANGED", "40001")


def test_a_server_that_forgets_where_to_go_on_is_found_out(resuming):
    server, connection = resuming(breaks=[3], forgets=True)
    with pytest.raises(pintail.ResultChangedError, match="another batch"):
        rows(connection)


def test_a_node_that_can_not_go_on_is_not_asked_to(resuming):
    server, connection = resuming(breaks=[3])
    cursor = connection.execute("SELECT i")
    assert cursor.fetchone() == (0,)
    # The node that has the session next is of an older version.
    server.announce("")
    with pytest.raises(pintail.OperationalError, match="can't go on") as raised:
        cursor.fetchall()
    assert raised.value.code == "RESULT_BROKEN"
    assert server.resumed_at == [None]


@pytest.mark.parametrize("how", [{"features": ""}, {"features": "request-id"}, {"metadata": False}],
                         ids=["not announced", "another feature", "metadata of another kind"])
def test_without_marks_a_result_begins_again_only_as_long_as_nobody_has_seen_it(resuming, how):
    server, connection = resuming(breaks=[3, 4], **how)
    assert connection.execute("SELECT i").fetch_arrow_table()["i"].to_pylist() == ALL
    assert server.resumed_at == [None, None, None]
    server.breaks[:] = [3]
    cursor = connection.execute("SELECT i")
    assert cursor.fetchone() == (0,)
    with pytest.raises(pintail.OperationalError, match="broke off after 30 rows") as raised:
        cursor.fetchall()
    assert (raised.value.code, raised.value.sqlstate) == ("RESULT_BROKEN", "08006")
    assert rows(connection) == ALL


def test_a_result_that_is_not_kept_is_had_by_running_the_statement_again(resuming):
    server, connection = resuming(gone=[True])
    assert rows(connection) == ALL
    assert server.planned == 2
    server.breaks[:], server.gone[:] = [2], [False, True]
    cursor = connection.execute("SELECT i")
    assert cursor.fetchmany(20) == [(i,) for i in ALL[:20]]
    with pytest.raises(pintail.OperationalError) as raised:
        cursor.fetchone()
    assert raised.value.code == "RESULT_GONE"


def test_a_position_knows_how_to_go_on():
    position = Position(can_resume=True)
    assert position.go_on() is GoOn.SAME_TICKET
    assert position.batch(b"1;0123456789abcdef")
    assert (position.go_on(), position.mark) == (GoOn.RESUME, b"1;0123456789abcdef")
    assert position.batch(b"2;0123456789abcdef") and not position.batch(b"2;0123456789abcdef")
    position.batch(b'{"json": 1}')
    assert (position.go_on(), position.mark) == (GoOn.FROM_THE_BEGINNING, None)
    position.handed = 1
    assert position.go_on() is GoOn.GIVE_UP and position.without_result() is GoOn.GIVE_UP
    position.next_endpoint()
    assert (position.endpoint, position.go_on()) == (1, GoOn.SAME_TICKET)
    without = Position(can_resume=False)
    without.batch(b"1;0123456789abcdef")
    assert without.go_on() is GoOn.FROM_THE_BEGINNING
