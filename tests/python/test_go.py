"""The Arrow project's Go clients: flightsql, and database/sql over it, driven from the tests in tests/go."""

import os
import pathlib
import re
import subprocess

import pytest

import drivers
from flight_sql import Session
from pintail_process import FLIGHTS, PASSWORD, USER, Server, wait_until
from test_tls import certificates  # noqa: F401

FLIGHT_SQL, DATABASE_SQL = "Go flightsql", "Go database/sql"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all tests, with the flights in its tables, and a folder that it may write to."""
    folder = tmp_path_factory.mktemp("writable")
    # Under a lease that no load of the machine makes the server miss.
    server = Server("--allow-writes", folder, "--node-lease", "60s", allow_files=[FLIGHTS])
    server.writable = folder
    with Session(server) as session:
        for path in sorted(FLIGHTS.glob("*.parquet")):
            session.table(f"CREATE TABLE {path.stem} AS FROM '{path}'")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def clients():
    """Runs tests of the built program, whose names match an expression, against a server."""
    program = pathlib.Path(os.environ["PINTAIL_GO_CLIENTS"])
    assert program.is_file(), f"there is no {program}; run tests/run.sh python"

    def clients(server, driver, pattern, **settings):
        command = [program, "-test.v", "-test.count=1", "-test.run", pattern]
        environment = os.environ | {
            "SERVER": server.uri.partition("://")[2], "DATABASE_USER": USER, "DATABASE_PASSWORD": PASSWORD,
            **{name: str(value) for name, value in settings.items()},
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
        drivers.report_lines(driver, done.stdout)
        return done

    return clients


@pytest.mark.parametrize(("driver", "pattern"), [(FLIGHT_SQL, "^TestFlightSql"), (DATABASE_SQL, "^TestDatabaseSql")])
def test_all_of_a_client_holds(server, clients, driver, pattern):
    done = clients(server, driver, pattern, WRITABLE=server.writable)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^--- PASS", done.stdout, re.MULTILINE)) > 9
    wait_until(lambda: not server.busy(), "what was cancelled or left has ended in the server")


def test_certificates_are_shown_and_asked_for(start, certificates, clients):  # noqa: F811
    server = start("--tls-cert", certificates / "server.pem", "--tls-key", certificates / "server.key",
                   "--tls-client-ca", certificates / "ca.pem")
    done = clients(server, FLIGHT_SQL, "^TestTls", AUTHORITY=certificates / "ca.pem", CERTIFICATE=certificates / "client.pem",
                   CERTIFICATE_KEY=certificates / "client.key")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--- PASS" in done.stdout
