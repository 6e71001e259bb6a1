"""The Arrow project's Go clients: flightsql, and database/sql over it, driven from the tests in tests/go.

A test that fails for a defect of the server is listed in `DEFECTS`: it is run by itself, and has to fail until the defect is
mended.
"""

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

DEFECTS = {
    "TestFlightSqlUnreadResultsDoNotHoldTheirSession": "the lane of a session is handed to a stream whose client does not read",
    "TestFlightSqlTheRowsOfATableThatIsMadeAreCounted": "CREATE TABLE AS says that it changed no row",
    "TestFlightSqlBindsValuesOfEveryType/UHUGEINT": "a decimal of 256 bits is bound as BIGNUM, which DuckDB does not cast to UHUGEINT",
    "TestFlightSqlAStreamWithoutRowsAppendsNothing": "an ingest without rows is a call without a message, which is refused",
}


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

    def clients(server, driver, pattern, skipped=(), **settings):
        command = [program, "-test.v", "-test.count=1", "-test.run", pattern]
        if skipped:
            command += ["-test.skip", "|".join(exactly(name) for name in skipped)]
        environment = os.environ | {
            "SERVER": server.uri.partition("://")[2], "DATABASE_USER": USER, "DATABASE_PASSWORD": PASSWORD,
            **{name: str(value) for name, value in settings.items()},
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
        drivers.report_lines(driver, done.stdout)
        return done

    return clients


def exactly(name):
    """The expression for the test of this name alone."""
    return "/".join(f"^{re.escape(part)}$" for part in name.split("/"))


@pytest.mark.parametrize(("driver", "pattern"), [(FLIGHT_SQL, "^TestFlightSql"), (DATABASE_SQL, "^TestDatabaseSql")])
def test_all_of_a_client_holds(server, clients, driver, pattern):
    done = clients(server, driver, pattern, DEFECTS, WRITABLE=server.writable)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^--- PASS", done.stdout, re.MULTILINE)) > 9
    wait_until(lambda: not server.busy(), "what was cancelled or left has ended in the server")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=reason, raises=AssertionError)) for name, reason in DEFECTS.items()]
)
def test_a_defect_is_mended(server, clients, name):
    done = clients(server, FLIGHT_SQL, exactly(name))
    if not re.search(rf"^ *--- (PASS|FAIL): {re.escape(name)} ", done.stdout, re.MULTILINE):
        raise RuntimeError(f"the test was not run: {done.stdout}{done.stderr}")
    assert done.returncode == 0, done.stdout


def test_certificates_are_shown_and_asked_for(start, certificates, clients):  # noqa: F811
    server = start("--tls-cert", certificates / "server.pem", "--tls-key", certificates / "server.key",
                   "--tls-client-ca", certificates / "ca.pem")
    done = clients(server, FLIGHT_SQL, "^TestTls", AUTHORITY=certificates / "ca.pem", CERTIFICATE=certificates / "client.pem",
                   CERTIFICATE_KEY=certificates / "client.key")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "--- PASS" in done.stdout
