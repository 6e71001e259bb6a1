"""The server and the clients of the tests."""

import contextlib
import pathlib

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as adbc
import pyarrow
import pytest

import drivers
from cluster import Postgres, Sprayed
from object_store import S3
from pintail_process import BINARY, FLIGHTS, PASSWORD, USER, Server

WHOLE = pytest.StashKey[bool]()


def pytest_configure(config):
    config.addinivalue_line("markers", "capability(driver, *names, not_offered=None): see drivers.py")
    config.addinivalue_line("markers", "last: runs after all other tests")
    config.stash[WHOLE] = True
    if config.getoption("--spray"):
        started.kind = Sprayed
    drivers.results.versions |= {"ADBC Python": adbc_driver_flightsql.__version__, "pyarrow.flight": pyarrow.__version__}


class started:
    """What tests start when they ask for a server."""

    kind = Server


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long form of the tests that kill nodes")
    parser.addoption("--spray", action="store_true", help="servers are clusters, and each call goes to another node")
    parser.addoption("--seed", help="the seed of what happens by chance, as a failed run printed it")


def pytest_sessionstart():
    if not BINARY.exists():
        pytest.exit(f"there is no {BINARY}; build it with `cargo build --release`", returncode=1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
    files = set(pathlib.Path(__file__).parent.glob("test_*.py"))
    if any("::" in argument for argument in config.args) or files - {item.path for item in items}:
        config.stash[WHOLE] = False


def pytest_deselected(items):
    for item in items:
        item.config.stash[WHOLE] = False


@pytest.fixture
def run_is_whole(request):
    """Whether no test was left out of this run."""
    return request.config.stash[WHOLE]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    expected_failure = getattr(report, "wasxfail", None) if report.skipped else None
    if report.failed:
        outcome, why = drivers.FAIL, "it fails"
    elif expected_failure is not None:
        outcome, why = drivers.FAIL, expected_failure
    elif report.passed and report.when == "call":
        outcome, why = drivers.PASS, ""
    else:
        return report
    for marker in item.iter_markers("capability"):
        driver, *names = marker.args
        not_offered = marker.kwargs["not_offered"]
        for name in names:
            if outcome == drivers.PASS and not_offered:
                drivers.results.note(driver, name, drivers.NOT_OFFERED, not_offered)
            else:
                drivers.results.note(driver, name, outcome, why)
    return report


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
def s3(tmp_path):
    """A real S3 server, whose buckets are the folders of its root."""
    root = tmp_path / "s3"
    root.mkdir()
    server = S3(root)
    yield server
    server.stop()


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
