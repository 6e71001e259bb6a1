"""Any call can go to any node: the tests of the drivers pass when each call goes to another one."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent

# What a driver does in a session that it knows by its token; not what needs the server itself, such as its memory.
# The load balancer has all calls of a client on one connection to each node, and reads no further on it while one of the
# results is not read: two cursors that are read in turns wait for each other.
NOT = "not two_cursors"
FILES = ["test_adbc_dbapi.py", "test_adbc_queries.py", "test_ingest.py"]


def test_the_tests_of_the_drivers_pass_when_each_call_goes_to_another_node():
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "--spray", "-p", "no:cacheprovider", "-k", NOT, *FILES],
                          cwd=HERE, env=os.environ, capture_output=True, text=True, timeout=900)
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
