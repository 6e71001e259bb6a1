"""The released JDBC driver, driven from small Java programs: what a tool does first when it connects, and what it reads to draw a database."""

import os
import pathlib
import subprocess
import urllib.parse

import pytest

from pintail_process import PASSWORD, ROOT, USER


@pytest.fixture(scope="module")
def driver():
    """The driver's archive. `tests/run.sh` fetches it."""
    path = pathlib.Path(os.environ["PINTAIL_JDBC_DRIVER"])
    assert path.is_file(), f"there is no {path}; run tests/run.sh python"
    return path


@pytest.mark.parametrize("program", ["Smoke", "Metadata"])
def test_a_tool_connects_works_and_browses_by_jdbc(start, driver, program):
    server = start()
    uri = server.uri.replace("grpc://", "jdbc:arrow-flight-sql://")
    url = f"{uri}/?useEncryption=false&user={USER}&password={urllib.parse.quote(PASSWORD)}"
    # The driver reaches into java.nio for memory outside of the heap.
    command = ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", driver, ROOT / f"tests/jdbc/{program}.java", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "passed\n"
