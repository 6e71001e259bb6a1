"""What the Python client's README tells its readers to type works as it stands there, and the package is what it says."""

import contextlib
import io
import re
import shutil
import subprocess
import sys

import mypy.api
import pytest

import pintail
from client_connection import connect
from pintail_process import DEADLINE, PASSWORD, ROOT, USER

PACKAGE = ROOT / "clients/python"
ASKING, TRANSFERRING, HANDING_ON, AWAITING, BY_IBIS = re.findall(
    r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL
)


def typed(snippet, server, **names):
    """What a snippet prints, with this server's address and credentials in the place of those it has."""
    for written, real in [("grpc://127.0.0.1:8815", server.uri), ('"PASSWORD"', repr(PASSWORD)), ('"pintail"', repr(USER))]:
        snippet = snippet.replace(written, real)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(snippet, "README.md", "exec"), names)
    return printed.getvalue(), names


def test_asking_prints_what_it_says(server):
    printed, _ = typed(ASKING, server)
    assert printed == "[(42,)]\n(datetime.date(2013, 7, 2),)\n1000 [0, 1, 4]\n(5,)\n"


def test_a_transaction_is_run_again_until_it_is_committed(server):
    with connect(server) as connection:
        connection.execute("CREATE OR REPLACE TABLE account AS SELECT * FROM (VALUES (1, 100), (2, 0)) t(id, balance)")
        connection.commit()
        typed(TRANSFERRING, server, connection=connection, pintail=pintail)
        assert connection.execute("SELECT balance FROM account ORDER BY id").fetchall() == [(90,), (10,)]


def test_a_session_is_handed_on(server):
    connection = connect(server)
    connection.execute("SET VARIABLE mine = 1815")
    _, names = typed(HANDING_ON, server, connection=connection, pintail=pintail)
    with names["connection"] as other:
        assert other.execute("SELECT getvariable('mine')").fetchall() == [(1815,)]


def test_awaiting_prints_its_answer(server):
    assert typed(AWAITING, server)[0] == "[(42,)]\n"


def test_what_ibis_writes_is_run(server):
    with connect(server, autocommit=True) as connection:
        printed, _ = typed(BY_IBIS, server, connection=connection)
    assert printed == "[{'count': 50, 'largest': 9604}]\n"


def test_the_package_has_types_that_are_checked():
    told, errors, status = mypy.api.run(["--config-file", f"{PACKAGE}/pyproject.toml", "--no-incremental", f"{PACKAGE}/src"])
    assert status == 0, told + errors
    assert (PACKAGE / "src/pintail/py.typed").exists()


def test_the_package_can_be_installed(tmp_path):
    # Without the network: with the build backend that is there.
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
               "--disable-pip-version-check", "--target", tmp_path / "installed", copy_of_the_package(tmp_path)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "installed/pintail/py.typed").exists()
    program = "import pintail, pintail.aio; print(pintail.__file__)"
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(tmp_path / "installed")}, capture_output=True,
                          text=True, timeout=DEADLINE)
    assert done.stdout.startswith(str(tmp_path)), done.stderr


def copy_of_the_package(tmp_path):
    """The package without what a build leaves beside it."""
    return shutil.copytree(PACKAGE, tmp_path / "package", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
