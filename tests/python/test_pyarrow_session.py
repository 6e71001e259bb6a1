"""A session by pyarrow.flight: its token, options and errors, and how its calls are cancelled and timed out."""

import base64
import threading

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from drivers import capability
from flight_sql import Session, basic, command, field, fields, packed, query
from pintail_process import DEADLINE, PASSWORD, USER, wait_until

DRIVER = "pyarrow.flight"
BLOCKED = "SELECT count(*) AS n FROM range(100000000000) a(i), range(100) b(i) WHERE (a.i + b.i) % 7 = 9"
CANCELLED = 1


@pytest.fixture
def session(server):
    with Session(server) as session:
        yield session


def with_headers(*headers):
    return flight.FlightCallOptions(headers=list(headers))


def rows(client, sql, options):
    info = client.get_flight_info(query(sql), options)
    return client.do_get(info.endpoints[0].ticket, options).read_all().to_pylist()


@capability(DRIVER, "connect: session token", "partition: execute", "partition: read from another connection")
def test_a_token_leads_to_its_session_over_any_connection(server, session):
    session.update("SET VARIABLE mine = 'kept'")
    info = session.info("SELECT getvariable('mine') AS mine")
    with flight.FlightClient(server.uri) as client:
        assert rows(client, "SELECT getvariable('mine') AS mine", session.options) == [{"mine": "kept"}]
        assert client.do_get(info.endpoints[0].ticket, session.options).read_all().to_pylist() == [{"mine": "kept"}]


@capability(DRIVER, "connect: call headers")
def test_a_header_of_the_caller_names_a_session(server, session):
    session.update("SET VARIABLE mine = 'by header'")
    token = session.header[1].removeprefix(b"Bearer ")
    with flight.FlightClient(server.uri) as client:
        for header in [(b"x-pintail-session", token), (b"cookie", b"theme=dark; pintail_session=" + token)]:
            options = with_headers(*basic_headers(), header)
            assert rows(client, "SELECT getvariable('mine') AS mine", options) == [{"mine": "by header"}]


def basic_headers():
    return [(b"authorization", b"Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()))]


class Jar(flight.ClientMiddlewareFactory):
    """A middleware as a caller writes one to keep cookies."""

    def __init__(self):
        self.cookies = []

    def start_call(self, info):
        jar = self

        class Middleware(flight.ClientMiddleware):
            def received_headers(self, headers):
                jar.cookies += headers.get("set-cookie", [])

            def sending_headers(self):
                return {"cookie": jar.cookies[-1].partition(";")[0]} if jar.cookies else {}

        return Middleware()


@capability(DRIVER, "connect: cookies")
def test_a_session_is_kept_by_its_cookie_where_the_caller_keeps_cookies(server):
    jar = Jar()
    with flight.FlightClient(server.uri, middleware=[jar]) as client:
        rows(client, "SELECT 1 AS one", basic())
        assert jar.cookies and "HttpOnly" in jar.cookies[0]
        client.do_action(flight.Action("GetSessionOptions", b""), basic())
        rows(client, "SET VARIABLE mine = 'by cookie'", basic())
        assert rows(client, "SELECT getvariable('mine') AS mine", basic()) == [{"mine": "by cookie"}]
    # The cookie is not the connection's: it leads there from another.
    with flight.FlightClient(server.uri, middleware=[jar]) as client:
        assert rows(client, "SELECT getvariable('mine') AS mine", basic()) == [{"mine": "by cookie"}]


@capability(DRIVER, "connect: two connections are two sessions")
def test_two_handshakes_are_two_sessions(server, session):
    session.update("CREATE TEMP TABLE own (i INTEGER)")
    with Session(server) as other, pytest.raises(pa.ArrowKeyError, match="42P01"):
        other.table("SELECT * FROM own")


@capability(DRIVER, "connect: session ends with its connection")
def test_a_session_that_was_closed_is_gone_and_says_so(server):
    with Session(server) as session:
        assert session.value("SELECT 1") == 1
        options = session.options
    with flight.FlightClient(server.uri) as client, pytest.raises(flight.FlightUnauthenticatedError, match="28000.*was closed"):
        rows(client, "SELECT 1", options)


@capability(DRIVER, "connect: goes on after an error", "error: SQLSTATE", "error: status", "error: message with its advice")
@pytest.mark.parametrize("sql, kind, said", [
    ("SELEC 1", pa.ArrowInvalid, r"\[42601\].*SELEC"),
    ("SELECT * FROM flihts", pa.ArrowKeyError, r"(?s)\[42P01\].*flights"),
    ("SELECT 'x'::INTEGER FROM range(3)", pa.ArrowInvalid, r"\[22P02\].*x"),
    ("ATTACH 'x.db'", flight.FlightUnauthorizedError, r"\[42501\].*operator"),
    ("SELECT 'infinity'::DATE AS late", pa.ArrowInvalid, r"(?s)\[22003\].*late.*cast"),
])
def test_an_error_says_what_is_wrong_and_breaks_nothing(session, sql, kind, said):
    with pytest.raises(kind, match=said):
        session.table(sql)
    assert session.value("SELECT 42") == 42


@capability(DRIVER, "error: details")
def test_an_error_brings_its_details(session):
    with pytest.raises(pa.ArrowKeyError) as caught:
        session.table("SELECT * FROM nowhere")
    details = getattr(caught.value, "extra_info", b"") or str(caught.value).encode()
    assert b"42P01" in details


@capability(DRIVER, "session option: set", "session option: get", "session option: unset")
def test_an_option_is_set_read_and_unset(session):
    assert session.get_options()["pintail.infinity"] == "error"
    session.set_option("pintail.infinity", "null")
    assert session.get_options()["pintail.infinity"] == "null"
    assert session.value("SELECT 'infinity'::DATE") is None
    session.set_option("pintail.infinity", None)
    assert session.get_options()["pintail.infinity"] == "error"
    session.set_option("integer_division", True)
    assert session.value("SELECT 7 / 2") == 3


@capability(DRIVER, "session option: unknown refused")
def test_what_is_no_option_or_no_value_of_it_is_refused_and_the_rest_is_set(session):
    refused = session.set_options(**{"pintail.nothing": "x", "nothing": "x", "pintail.infinity": "x",
                                     "pintail.wide_integers": ["decimal256"], "integer_division": True})
    invalid_name, invalid_value = 1, 2
    assert refused == {"pintail.nothing": invalid_name, "nothing": invalid_name, "pintail.infinity": invalid_value,
                       "pintail.wide_integers": invalid_value}
    assert session.value("SELECT 7 / 2") == 3


@capability(DRIVER, "session option: current catalog", "session option: current schema")
def test_the_current_catalog_and_schema_are_read_and_set(session):
    session.update("CREATE SCHEMA IF NOT EXISTS far")
    session.set_option("schema", "far")
    assert session.table("SELECT current_schema() AS s")["s"].to_pylist() == [session.get_options()["schema"]] == ["far"]
    session.set_option("catalog", "datasets")
    assert session.value("SELECT current_database()") == session.get_options()["catalog"] == "datasets"
    for name, sqlstate in [("catalog", "3D000"), ("schema", "3F000")]:
        with pytest.raises(pa.ArrowKeyError, match=f"{sqlstate}.*nowhere"):
            session.set_option(name, "nowhere")


@capability(DRIVER, "cancel: from another thread")
def test_a_read_that_is_cancelled_stops_in_the_server(server, session):
    reader = session.stream("SELECT i FROM range(100000000000000) t(i)")
    read = threading.Event()

    def cancel():
        read.wait(DEADLINE)
        reader.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        with pytest.raises(flight.FlightCancelledError):
            for _ in reader:
                read.set()
    finally:
        thread.join()
    wait_until(lambda: not server.busy(), "the end of the statement")
    assert session.value("SELECT 42") == 42


@capability(DRIVER, "cancel: by FlightInfo")
def test_a_query_is_cancelled_by_its_flight_info(server, session):
    info = session.info(BLOCKED)
    caught = []

    def read():
        try:
            session.client.do_get(info.endpoints[0].ticket, session.options).read_all()
        except pa.ArrowException as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    wait_until(lambda: server.busy(), "the statement")
    answer, = session.client.do_action(flight.Action("CancelFlightInfo", field(1, info.serialize())), session.options)
    assert fields(answer.body.to_pybytes())[1] == [CANCELLED]
    thread.join()
    assert "57014" in str(caught[0])
    wait_until(lambda: not server.busy(), "the end of the statement")


@capability(DRIVER, "poll: endpoint renewed")
def test_an_endpoint_is_renewed(session):
    endpoint = session.info("SELECT 42 AS n").endpoints[0]
    answer, = session.client.do_action(flight.Action("RenewFlightEndpoint", field(1, endpoint.serialize())), session.options)
    renewed = flight.FlightEndpoint.deserialize(answer.body.to_pybytes())
    assert renewed.expiration_time.as_py() >= endpoint.expiration_time.as_py()
    assert session.client.do_get(renewed.ticket, session.options).read_all()["n"].to_pylist() == [42]


@capability(DRIVER, "poll: incremental execution", "poll: change made once", "poll: progress",
            not_offered="it has no call of PollFlightInfo")
@capability(DRIVER, "metadata: statistics", not_offered="Flight SQL has no command for them")
def test_the_client_has_no_call_that_polls():
    assert not [name for name in dir(flight.FlightClient) if "poll" in name or "statistic" in name]


@capability(DRIVER, "timeout: of the session")
def test_a_statement_timeout_of_the_session_ends_a_statement(session):
    session.set_option("pintail.statement_timeout", "200ms")
    with pytest.raises(pa.ArrowException, match="200ms"):
        session.table(BLOCKED)
    assert session.value("SELECT 42") == 42


@capability(DRIVER, "timeout: of the statement", "timeout: of an update", "timeout: of the fetch")
@pytest.mark.parametrize("sql", [BLOCKED, f"CREATE TABLE never_made AS {BLOCKED}", f"INSERT INTO never {BLOCKED} RETURNING n"])
def test_a_timeout_of_a_call_ends_the_statement_in_the_server(server, session, sql):
    session.update("CREATE OR REPLACE TABLE never (n BIGINT)")
    options = flight.FlightCallOptions(timeout=0.3, headers=[session.header])
    with pytest.raises((flight.FlightTimedOutError, flight.FlightCancelledError)):
        info = session.client.get_flight_info(query(sql), options)
        session.client.do_get(info.endpoints[0].ticket, options).read_all()
    wait_until(lambda: not server.busy(), "the end of the statement")
    assert session.value("SELECT count(*) FROM never") == 0


@capability(DRIVER, "action: listed", "action: unknown refused")
def test_actions_are_listed_and_one_that_is_not_there_is_refused_by_name(session):
    actions = {action.type: action.description for action in session.client.list_actions(session.options)}
    assert {"CreatePreparedStatement", "BeginTransaction", "SetSessionOptions", "CancelFlightInfo"} <= set(actions)
    assert all(actions.values())
    savepoint = packed("ActionBeginSavepointRequest", field(1, session.begin()) + field(2, "here"))
    for name, body in [("Dance", b""), ("BeginSavepoint", savepoint)]:
        with pytest.raises(pa.ArrowNotImplementedError, match=f"0A000.*{name}"):
            list(session.client.do_action(flight.Action(name, body), session.options))


def test_commands_and_uploads_that_are_of_no_use_where_they_come_are_refused(session):
    with pytest.raises(pa.ArrowInvalid, match="CommandStatementUpdate.*DoPut"):
        session.client.get_flight_info(command("CommandStatementUpdate", field(1, "SELECT 1")), session.options)
    with pytest.raises(pa.ArrowNotImplementedError, match="DoPut of CommandStatementQuery"):
        session.put(query("SELECT 1"))
    with pytest.raises(pa.ArrowException, match="08P01|22023|0A000"):
        session.client.get_flight_info(flight.FlightDescriptor.for_path("flights"), session.options)
    with pytest.raises(pa.ArrowInvalid, match="22023"):
        session.client.do_get(flight.Ticket(b"forged"), session.options).read_all()
