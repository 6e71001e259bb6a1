"""How the released ADBC driver connects: credentials, tokens, headers, cookies, and what a session belongs to."""

import base64

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import adbc_driver_manager
import pyarrow.flight as flight
import pytest

from conftest import adbc_connection
from drivers import capability
from flight_sql import Session
from pintail_process import PASSWORD, USER

DRIVER = "ADBC Python"
OPTIONS = adbc_driver_flightsql.DatabaseOptions
HEADER = OPTIONS.RPC_CALL_HEADER_PREFIX.value
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def connected(server, **options):
    return adbc.connect(server.uri, db_kwargs=options, autocommit=True)


def value(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@capability(DRIVER, "connect: user and password")
def test_user_and_password_open_a_session(server):
    with connected(server, username=USER, password=PASSWORD) as connection:
        assert value(connection, "SELECT 42") == 42


@capability(DRIVER, "connect: wrong password refused")
@pytest.mark.parametrize("user, password", [(USER, PASSWORD + "!"), ("nobody", PASSWORD), (USER, "")])
def test_wrong_credentials_are_refused_without_saying_which_of_them_is_wrong(server, user, password):
    with pytest.raises(adbc_driver_manager.ProgrammingError, match="28P01") as caught:
        adbc.connect(server.uri, db_kwargs={"username": user, "password": password})
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED
    assert "the user name or the password is wrong" in str(caught.value)


def test_a_call_without_credentials_says_what_is_missing(server):
    with connected(server) as connection, pytest.raises(adbc_driver_manager.ProgrammingError, match="28000.*authorization"):
        value(connection, "SELECT 1")


@capability(DRIVER, "connect: session token")
def test_a_token_leads_to_its_session(server):
    session = Session(server)
    session.update("SET VARIABLE mine = 'kept'")
    name, header = session.header
    assert name == b"authorization"
    token = {OPTIONS.AUTHORIZATION_HEADER.value: header.decode()}
    with connected(server, **token) as connection:
        assert value(connection, "SELECT getvariable('mine')") == "kept"
    session.client.close()


@capability(DRIVER, "connect: session ends with its connection")
def test_a_closed_connection_has_ended_its_session(server):
    session = Session(server)
    with connected(server, **{OPTIONS.AUTHORIZATION_HEADER.value: session.header[1].decode()}) as connection:
        assert value(connection, "SELECT 1") == 1
        assert session.value("SELECT 2") == 2
    with pytest.raises(flight.FlightUnauthenticatedError, match="28000.*was closed"):
        session.value("SELECT 1")
    session.client.close()


@capability(DRIVER, "connect: call headers")
def test_headers_of_the_caller_reach_the_session_they_name(server):
    session = Session(server)
    session.update("SET VARIABLE mine = 'by header'")
    token = session.header[1].decode().removeprefix("Bearer ")
    # Credentials on each call, and beside them a header that names a session of the same user.
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    options = {OPTIONS.AUTHORIZATION_HEADER.value: f"Basic {basic}", HEADER + "x-pintail-session": token}
    with connected(server, **options) as connection, connection.cursor() as cursor:
        cursor.adbc_statement.set_options(**{HEADER + "traceparent": TRACE})
        cursor.execute("SELECT getvariable('mine')")
        assert cursor.fetchone() == ("by header",)
    session.client.close()


@capability(DRIVER, "connect: cookies")
def test_a_client_that_keeps_cookies_keeps_its_session(server):
    options = {"username": USER, "password": PASSWORD, OPTIONS.WITH_COOKIE_MIDDLEWARE.value: "true"}
    with connected(server, **options) as connection:
        value(connection, "SELECT 1")
        with connection.cursor() as cursor:
            cursor.execute("SET VARIABLE mine = 'kept'")
        assert value(connection, "SELECT getvariable('mine')") == "kept"


@capability(DRIVER, "connect: two connections are two sessions")
def test_two_connections_of_one_database_are_two_sessions(server):
    with adbc_connection(server, autocommit=True) as one, one.adbc_clone() as other:
        with one.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE own (i INTEGER)")
            cursor.execute("SET VARIABLE mine = 'one'")
        assert value(one, "SELECT getvariable('mine')") == "one"
        assert value(other, "SELECT getvariable('mine')") is None
        with pytest.raises(adbc_driver_manager.Error, match="42P01"):
            value(other, "SELECT count(*) FROM own")


@capability(DRIVER, "connect: goes on after an error")
def test_a_connection_goes_on_after_each_kind_of_error(server):
    with adbc_connection(server, autocommit=True) as connection:
        for sql in ["SELEC", "SELECT * FROM nowhere", "SELECT 'x'::INTEGER FROM range(9)", "ATTACH 'x.db'"]:
            with pytest.raises(adbc_driver_manager.Error):
                value(connection, sql)
            assert value(connection, "SELECT 42") == 42
