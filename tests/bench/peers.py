"""What is compared: Pintail, and its peers over the same data."""

import json
import os
import pathlib
import secrets
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))

import adbc_driver_flightsql.dbapi as adbc
import duckdb
import pyarrow.flight as flight

import flight_sql
import pintail_process
from pintail_process import CACHE, PASSWORD, USER, Server, free_port

HERE = pathlib.Path(__file__).parent


def tpch(scale=1):
    """The folder of TPC-H's tables as Parquet files, made once a machine."""
    folder = CACHE / f"tpch/sf{scale}-all"
    if not folder.exists():
        making = folder.with_suffix(".making")
        making.mkdir(parents=True, exist_ok=True)
        generator = pathlib.Path(sys.executable).parent / "tpchgen-cli"
        subprocess.run([generator, "parquet", "--scale-factor", str(scale), "--output-dir", making], check=True)
        making.rename(folder)
    return folder


class Pintail:
    """A server, with a session by pyarrow and one by the ADBC driver."""

    def __init__(self, *arguments, files=None):
        self.server = Server(*arguments, allow_files=[files] if files else ())
        self.session = flight_sql.Session(self.server)
        self.unordered = flight_sql.Session(self.server)
        self.unordered.set_options(**{"pintail.ordered": "false"})

    def read(self, sql):
        """Reads all rows by pyarrow, batch by batch."""
        return sum(chunk.data.num_rows for chunk in self.session.stream(sql))

    def read_in_any_order(self, sql):
        """The same in the order in which they are computed."""
        return sum(chunk.data.num_rows for chunk in self.unordered.stream(sql))

    def table(self, sql):
        return self.session.table(sql)

    def adbc(self):
        return by_adbc(self.server.uri)

    def throughput(self, connections=16):
        """How many short statements so many connections run in a second, as `pintail bench` measures it."""
        command = [pintail_process.BINARY, "bench", "throughput", self.server.uri, "--duration", "3s", "--connections", str(connections),
                   "--format", "json"]
        login = {"PINTAIL_USER": USER, "PINTAIL_PASSWORD": PASSWORD}
        done = subprocess.run(command, env=pintail_process.environment() | login, check=True, capture_output=True, text=True)
        return next(row["value"] for row in json.loads(done.stdout) if row["figure"] == "statements")

    def close(self):
        self.unordered.close()
        self.session.close()
        self.server.stop()


class Nothing:
    """A server that does nothing and answers every statement with 42: what is left is its calls."""

    def __init__(self):
        self.process = subprocess.Popen([pintail_process.BINARY.with_name("pintail-test-nothing")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.uri = f"grpc://127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"
        self.session = flight_sql.Session(self)

    def adbc(self):
        return by_adbc(self.uri)

    def close(self):
        self.session.close()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class CppFlight:
    """pyarrow's Flight server over DuckDB, in a process of its own."""

    def __init__(self, rows, database=":memory:"):
        self.process = subprocess.Popen([sys.executable, HERE / "flight_peer.py", str(database), str(rows)],
                                        stdout=subprocess.PIPE, text=True)
        port = int(self.process.stdout.readline())
        self.client = flight.FlightClient(f"grpc://127.0.0.1:{port}", generic_options=[("grpc.use_local_subchannel_pool", 1)])

    def read(self, sql):
        return sum(chunk.data.num_rows for chunk in self.client.do_get(flight.Ticket(sql.encode())))

    def cpu(self):
        return cpu(self.process.pid)

    def close(self):
        self.client.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Quack:
    """DuckDB that serves, and DuckDB that asks it."""

    def __init__(self, database=":memory:"):
        folder = CACHE / "extensions-bench"
        extensions = [str(next(folder.glob(f"**/{name}.duckdb_extension"))) for name in ("httpfs", "quack")]
        port, token = free_port(), secrets.token_hex(16)
        self.process = subprocess.Popen([sys.executable, HERE / "quack_peer.py", str(database), token, str(port), *extensions],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", "Quack did not start"
        self.extensions, self.attach = extensions, f"ATTACH 'quack:localhost:{port}' AS remote (TOKEN '{token}')"
        self.connection = self.connect()

    def connect(self):
        """Another client: a DuckDB of its own."""
        connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
        for extension in self.extensions:
            connection.execute(f"LOAD '{extension}'")
        connection.execute(self.attach)
        return connection

    def table(self, sql):
        return self.connection.execute("FROM remote.query($$" + sql + "$$)").to_arrow_table()

    def read(self, sql):
        return self.table(sql).num_rows

    def close(self):
        self.connection.close()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class InProcess:
    """DuckDB in this process."""

    def __init__(self, database=":memory:"):
        self.connection = duckdb.connect(str(database))

    def read(self, sql):
        return self.connection.execute(sql).to_arrow_table().num_rows

    def close(self):
        self.connection.close()


def by_adbc(uri):
    """A connection of the released driver."""
    return adbc.connect(uri, db_kwargs={"username": USER, "password": PASSWORD}, autocommit=True)


def cpu(process):
    """The processor time of a process, in seconds."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
