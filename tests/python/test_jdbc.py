"""The released JDBC driver, driven from small Java programs: one a concept, each of many checks."""

import os
import pathlib
import subprocess
import urllib.parse

import pytest

import drivers
from flight_sql import Session
from pintail_process import FLIGHTS, PASSWORD, ROOT, USER, Server, wait_until
from test_tls import certificates  # noqa: F401

SOURCES = ROOT / "tests/jdbc"

PROGRAMS = ["Batches", "Cancelling", "Columns", "Connecting", "Metadata", "Parameters", "Statements", "Streaming", "Transactions",
            "Types"]


@pytest.fixture(scope="module")
def writable(tmp_path_factory):
    """A folder that the server may write to."""
    return tmp_path_factory.mktemp("writable")


@pytest.fixture(scope="module")
def server(writable):
    """One server for all programs, with the flights in its tables."""
    # Under a lease that no load of the machine makes the server miss.
    server = Server("--allow-writes", writable, "--node-lease", "60s", allow_files=[FLIGHTS])
    with Session(server) as session:
        for path in sorted(FLIGHTS.glob("*.parquet")):
            session.table(f"CREATE TABLE {path.stem} AS FROM '{path}'")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    """Runs a program: its name, the system properties and arguments."""
    archive = pathlib.Path(os.environ["PINTAIL_JDBC_DRIVER"])
    assert archive.is_file(), f"there is no {archive}; run tests/run.sh python"
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-d", classes, SOURCES / "Proof.java"], check=True)

    def java(program, properties, *arguments):
        # The driver reaches into java.nio for memory outside of the heap, and shifts times by the zone of its process.
        command = ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-Duser.timezone=UTC", "-cp", f"{archive}:{classes}",
                   *(f"-D{name}={value}" for name, value in properties.items()), SOURCES / f"{program}.java", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500)
        drivers.report_lines("JDBC", done.stdout)
        return done

    return java


def jdbc(server):
    """The JDBC URL of a server, without credentials."""
    return f"jdbc:arrow-flight-sql://{server.uri.partition('://')[2]}/?useEncryption={str('tls' in server.uri).lower()}"


CREDENTIALS = f"&user={USER}&password={urllib.parse.quote(PASSWORD)}"


def token(session):
    """The token that the session was opened with."""
    header, = [value for name, value in session.options.headers if name == b"authorization"]
    return header.decode().removeprefix("Bearer ")


@pytest.fixture(scope="module")
def run(server, writable, java):
    """Runs a program, or some of its checks, against the server of the file."""
    def run(program, *checks):
        with Session(server) as marked, Session(server) as limited:
            # This one is ended by the program that uses it.
            spare = Session(server)
            marked.table("SET VARIABLE mark = 'of the token'")
            limited.set_option("pintail.statement_timeout", "200ms")
            properties = {"url": jdbc(server), "user": USER, "password": PASSWORD, "writable": writable,
                          "token": token(marked), "spare": token(spare), "limited": token(limited)}
            done = java(program, properties, jdbc(server) + CREDENTIALS, *checks)
            spare.client.close()
        return done

    return run


@pytest.mark.parametrize("program", PROGRAMS)
def test_all_of_a_program_holds(server, run, program):
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert "\tfailed\t0\n" in done.stdout
    wait_until(lambda: not server.busy(), "what was cancelled or left has ended in the server")


def test_certificates_are_shown_and_asked_for(start, certificates, java):
    server = start("--tls-cert", certificates / "server.pem", "--tls-key", certificates / "server.key",
                   "--tls-client-ca", certificates / "ca.pem")
    # The driver reads the key in PKCS 8 alone.
    own = (f"&tlsRootCerts={certificates / 'ca.pem'}&clientCertificate={certificates / 'client.pem'}"
           f"&clientKey={certificates / 'client.key'}")
    url = jdbc(server) + CREDENTIALS
    done = java("Tls", {"url": url, "authority": certificates / "ca.pem"}, url + own)
    assert done.returncode == 0, done.stderr
