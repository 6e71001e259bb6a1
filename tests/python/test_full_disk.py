"""The disk under the database is full: what does not fit fails and says why, and everything else goes on."""

import resource
import signal

import pyarrow as pa
import pytest

from flight_sql import Session
from pintail_process import Server

LARGE = "SELECT (hash(range) % 1000000)::BIGINT FROM range({})"


class WithSmallFiles(Server):
    """One whose files can be kept from growing, which a write finds in its middle as it does a full disk."""

    # The write is to fail, and not to end the process.
    prepared = staticmethod(lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))

    def limit(self, size):
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize(("rows", "file"), [(40_000, "pintail.duckdb.wal"), (300_000, "pintail.duckdb")])
def test_a_write_that_does_not_fit_fails_and_loses_nothing(rows, file):
    server = WithSmallFiles()
    writing, other = Session(server), Session(server)
    writing.update("CREATE TABLE t AS SELECT range AS i FROM range(1000)")
    other.update("CREATE TEMP TABLE kept AS SELECT 7 AS i")
    server.limit(300_000)
    for small in range(3):
        with pytest.raises(pa.ArrowException, match=rf"58030.*Could not write file.*{file}\""):
            writing.table(f"INSERT INTO t {LARGE.format(rows)}")
        assert other.value("SELECT count(*) FROM t") == 1000 + small
        other.update("INSERT INTO t VALUES (5)")
    server.limit(resource.RLIM_INFINITY)
    writing.table(f"INSERT INTO t {LARGE.format(rows)}")
    for session in (writing, other):
        session.client.close()
    server.kill()
    server.start()
    with Session(server, header=other.header) as session:
        assert session.value("SELECT count(*) FROM t") == 1003 + rows
        assert session.value("SELECT i FROM kept") == 7
    server.stop(expected=["Could not write file"])
