"""Sessions of the Python client in other hands: another process's, other drivers'. And options, and TLS."""

import os
import subprocess
import sys
import textwrap

import adbc_driver_flightsql.dbapi as adbc
import pytest

import pintail
from client_connection import connect, session_of, value
from pintail_process import DEADLINE, PASSWORD, ROOT, USER
from test_tls import certificates, server_arguments  # noqa: F401 - a fixture


@pytest.fixture
def connection(server):
    with connect(server, autocommit=True) as connection:
        connection.execute("SET VARIABLE mine = 1815")
        yield connection


def test_another_process_goes_on_with_a_session(server, connection):
    program = textwrap.dedent("""
        import os, pintail
        connection = pintail.connect(os.environ["URI"], token=os.environ["TOKEN"])
        print(connection.execute("SELECT getvariable('mine')").fetchall())
        connection.detach()
    """)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "clients/python/src"), "URI": server.uri,
                                "TOKEN": connection.session_token}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=DEADLINE)
    assert (done.stdout, done.returncode) == ("[(1815,)]\n", 0), done.stderr
    assert value(connection, "SELECT getvariable('mine')") == 1815, "detaching has left it as it was"


def test_a_session_is_left_and_had_again(server):
    connection = connect(server, autocommit=True)
    connection.execute("SET VARIABLE mine = 1815")
    token = connection.detach()
    with pintail.connect(server.uri, token=token) as other:
        assert value(other, "SELECT getvariable('mine')") == 1815
        assert other.session_token == token and session_of(other) in token
    with pytest.raises(pintail.SessionLostError) as raised:
        pintail.connect(server.uri, token=token)
    assert raised.value.code == "SESSION_CLOSED"


def test_adbc_goes_on_with_a_session(server, connection):
    with adbc.connect(server.uri, db_kwargs=connection.adbc_options(), autocommit=True) as other, other.cursor() as cursor:
        cursor.execute("SELECT getvariable('mine')")
        assert cursor.fetchall() == [(1815,)]


def test_jdbc_goes_on_with_a_session(connection):
    program = ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", os.environ["PINTAIL_JDBC_DRIVER"],
               ROOT / "tests/jdbc/Resuming.java", connection.jdbc_url()]
    done = subprocess.run(program, input="SELECT getvariable('mine')\n", capture_output=True, text=True, timeout=DEADLINE)
    assert done.stdout == "0\t1815\n", done.stderr


def test_urls_of_jdbc_say_what_the_connection_needs():
    from pintail.channel import Tls
    from pintail.handoff import adbc_options, jdbc_url

    assert jdbc_url("grpc+tls://[::1]:8815", "pt1.a.b", Tls(verify=False)) == (
        "jdbc:arrow-flight-sql://[::1]:8815/?useEncryption=true&disableCertificateVerification=true&token=pt1.a.b")
    assert adbc_options("pt1.a.b", Tls(override_hostname="db", verify=False)) == {
        "adbc.flight.sql.authorization_header": "Bearer pt1.a.b",
        "adbc.flight.sql.client_option.tls_override_hostname": "db",
        "adbc.flight.sql.client_option.tls_skip_verify": "true"}


def test_session_options_are_a_mapping(connection):
    options = connection.session_options
    assert options["schema"] == "main" and "pintail.compression" in options and len(options) == len(list(options))
    options["pintail.compression"] = "lz4"
    assert options["pintail.compression"] == "lz4"
    del options["pintail.compression"]
    assert options["pintail.compression"] == "none"
    options.update({"pintail.endpoints": 2, "integer_division": True})
    assert value(connection, "SELECT 7 / 2") == 3
    with pytest.raises(KeyError):
        options["nobody"]
    with pytest.raises(pintail.ProgrammingError, match="nobody: there is no option.*endpoints: it does not take") as raised:
        options.set({"nobody": 1, "pintail.endpoints": "many"})
    assert (raised.value.code, raised.value.sqlstate) == ("OPTION_INVALID", "22023")


def test_a_session_whose_options_are_refused_is_not_begun(server):
    with pytest.raises(pintail.ProgrammingError, match="nobody"):
        connect(server, session_options={"nobody": 1})


def test_tls_is_checked_with_the_authority_that_is_given(start, certificates):  # noqa: F811 - the fixture
    server = start(*server_arguments(certificates))
    with connect(server, tls_root_certs=certificates / "ca.pem") as connection:
        assert value(connection, "SELECT 42") == 42
    with connect(server, tls_root_certs=(certificates / "ca.pem").read_text()) as connection:
        options = connection.adbc_options()
        with adbc.connect(server.uri, db_kwargs=options, autocommit=True) as other, other.cursor() as cursor:
            cursor.execute("SELECT 42")
            assert cursor.fetchall() == [(42,)]
    with connect(server, tls_verify=False) as connection:
        assert value(connection, "SELECT 42") == 42
    for options in [{}, {"tls_root_certs": certificates / "ca.pem", "tls_override_hostname": "somebody.else"}]:
        with pytest.raises(pintail.OperationalError) as raised:
            connect(server, connect_timeout=0.2, **options)
        assert raised.value.code == "CONNECTION_FAILED"
    with pytest.raises(pintail.OperationalError):
        pintail.connect(server.uri.replace("grpc+tls", "grpc"), user=USER, password=PASSWORD, connect_timeout=0.2)


def test_a_client_certificate_is_brought_where_it_is_wanted(start, certificates):  # noqa: F811 - the fixture
    server = start(*server_arguments(certificates), "--tls-client-ca", certificates / "ca.pem")
    own = {"tls_root_certs": certificates / "ca.pem", "tls_client_cert": certificates / "client.pem",
           "tls_client_key": (certificates / "client.key").read_bytes()}
    with connect(server, **own) as connection:
        assert value(connection, "SELECT 42") == 42
        key = (certificates / "client.key").read_text()
        assert key not in repr(vars(connection)) and key[40:80] not in repr(connection._tls)
    with pytest.raises(pintail.OperationalError):
        connect(server, tls_root_certs=certificates / "ca.pem", connect_timeout=0.2)
