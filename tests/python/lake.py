"""A DuckLake whose catalog is in PostgreSQL, for the nodes of a cluster to share."""

import contextlib
import os
import subprocess

from pintail_process import DEADLINE

EXTENSIONS = os.environ.get("TEST_EXTENSION_DIR", "")
# What a client can read and nobody should: it stands in the password of the lake's database.
SECRET = "hunter2-of-the-lake"


class Lake:
    """A lake of its own: a database for its catalog, and a directory for its files."""

    def __init__(self, postgres, folder):
        self.postgres = postgres
        self.database = postgres.new_database()
        self.folder = folder / "files"
        self.url = self.database.replace("pintail@", f"pintail:{SECRET}@")
        self.arguments = ["--database", f"ducklake:{self.url}", "--data-path", str(self.folder),
                          "--extension-dir", EXTENSIONS]

    def psql(self, sql):
        """What a statement in the catalog's database gives."""
        return self.postgres.ask(self.database, sql)

    @contextlib.contextmanager
    def held(self, table, mode="EXCLUSIVE"):
        """Meanwhile somebody else has a lock on a table of the catalog; `EXCLUSIVE` lets nobody write to it."""
        held = subprocess.Popen([self.postgres._program("psql"), self.database, "-X", "-q", "-A", "-t"], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            held.stdin.write(f"BEGIN; LOCK TABLE {table} IN {mode} MODE; SELECT 'held';\n")
            held.stdin.flush()
            assert held.stdout.readline().strip() == "held"
            yield
        finally:
            held.stdin.close()
            held.wait(DEADLINE)
            held.stdout.close()

    def waiting(self, table):
        """How many wait to write to a table of the catalog."""
        return int(self.psql(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = '{table}'::regclass"))
