"""The released JDBC driver, driven from a small Java program: what a tool does first when it connects."""

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


def test_a_tool_connects_works_and_browses_by_jdbc(start, driver):
    server = start()
    uri = server.uri.replace("grpc://", "jdbc:arrow-flight-sql://")
    url = f"{uri}/?useEncryption=false&user={USER}&password={urllib.parse.quote(PASSWORD)}"
    # The driver reaches into java.nio for memory outside of the heap.
    command = ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", driver, ROOT / "tests/jdbc/Smoke.java", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "passed\n"
