"""The server and the clients of the tests."""

import contextlib

import adbc_driver_flightsql.dbapi as adbc
import pytest

from cluster import Postgres, Sprayed
from pintail_process import BINARY, FLIGHTS, PASSWORD, USER, Server


class started:
    """What tests start when they ask for a server."""

    kind = Server


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long form of the tests that kill nodes")
    parser.addoption("--spray", action="store_true", help="servers are clusters, and each call goes to another node")
    parser.addoption("--seed", help="the seed of what happens by chance, as a failed run printed it")


def pytest_configure(config):
    if config.getoption("--spray"):
        started.kind = Sprayed


def pytest_sessionstart():
    if not BINARY.exists():
        pytest.exit(f"there is no {BINARY}; build it with `cargo build --release`", returncode=1)


@pytest.fixture
def start():
    """Starts servers that end, and whose logs are checked, with the test. `expected` names warnings it provokes."""
    with contextlib.ExitStack() as stack:
        def start(*arguments, expected=(), **options):
            server = started.kind(*arguments, **options)
            stack.callback(server.stop, expected)
            return server
        yield start


@pytest.fixture(scope="module")
def server():
    """One server for the tests of a file, with the flights in its tables."""
    server = started.kind(allow_files=[FLIGHTS])
    with adbc_connection(server, autocommit=True) as connection, connection.cursor() as cursor:
        for path in sorted(FLIGHTS.glob("*.parquet")):
            cursor.execute(f"CREATE TABLE {path.stem} AS FROM '{path}'")
    yield server
    server.stop()


def adbc_connection(server, **options):
    """A connection of the ADBC driver, with nothing special set."""
    return adbc.connect(server.uri, db_kwargs={"username": USER, "password": PASSWORD}, **options)


@pytest.fixture(scope="session")
def postgres():
    """A private PostgreSQL; each test takes a database of its own."""
    postgres = Postgres()
    yield postgres
    postgres.close()


@pytest.fixture
def connection(server):
    """A connection to the server of the file, as the driver opens one."""
    with adbc_connection(server) as connection:
        yield connection


@pytest.fixture
def cursor(connection):
    """A cursor of the connection."""
    with connection.cursor() as cursor:
        yield cursor
