"""TLS, and client certificates, with the released drivers."""

import subprocess

import adbc_driver_flightsql.dbapi as adbc
import pyarrow.flight as flight
import pytest

from drivers import capability
from flight_sql import Session
from pintail_process import PASSWORD, USER


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A certificate authority, and what it has signed for the server and for a client, made for this run."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test authority",
            "-keyout", "ca.key", "-out", "ca.pem")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ["server", "client"]:
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "1", "-extfile", "names", "-out", f"{name}.pem")
    return folder


def answer(uri, certificates, **options):
    """What a client that trusts the authority gets for a question."""
    credentials = {"username": USER, "password": PASSWORD,
                   "adbc.flight.sql.client_option.tls_root_certs": (certificates / "ca.pem").read_text()}
    with adbc.connect(uri, db_kwargs=credentials | options, autocommit=True) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 42")
            return cursor.fetchone()[0]


def server_arguments(certificates):
    return ["--tls-cert", certificates / "server.pem", "--tls-key", certificates / "server.key"]


@capability("ADBC Python", "connect: TLS")
def test_a_server_with_a_certificate_is_reached_by_tls_and_by_nothing_else(start, certificates):
    server = start(*server_arguments(certificates))
    assert server.uri.startswith("grpc+tls://")
    assert answer(server.uri, certificates) == 42
    with pytest.raises(adbc.Error, match="certificate"):
        answer(server.uri, certificates, **{"adbc.flight.sql.client_option.tls_root_certs": ""})
    with pytest.raises(flight.FlightUnavailableError):
        plain = flight.FlightClient(server.uri.replace("grpc+tls", "grpc"))
        list(plain.list_actions(flight.FlightCallOptions(timeout=10)))


@capability("ADBC Python", "connect: client certificate")
def test_a_server_that_wants_client_certificates_takes_only_those_of_its_authority(start, certificates):
    server = start(*server_arguments(certificates), "--tls-client-ca", certificates / "ca.pem")
    with pytest.raises(adbc.Error):
        answer(server.uri, certificates)
    own = {"adbc.flight.sql.client_option.mtls_cert_chain": (certificates / "client.pem").read_text(),
           "adbc.flight.sql.client_option.mtls_private_key": (certificates / "client.key").read_text()}
    assert answer(server.uri, certificates, **own) == 42


@capability("pyarrow.flight", "connect: TLS", "connect: client certificate")
def test_pyarrow_connects_by_tls_with_a_certificate_of_its_own(start, certificates):
    server = start(*server_arguments(certificates), "--tls-client-ca", certificates / "ca.pem")
    authority = (certificates / "ca.pem").read_bytes()
    own = {"cert_chain": (certificates / "client.pem").read_bytes(), "private_key": (certificates / "client.key").read_bytes()}
    with Session(server, tls_root_certs=authority, **own) as session:
        assert session.value("SELECT 42") == 42
    with pytest.raises(flight.FlightError):
        Session(server, tls_root_certs=authority)
