"""Short statements: how long one takes through the ADBC driver, and how many there are in a second.

    PINTAIL_BIN=<pintail> python tests/bench/short.py [ROUNDS]

A call is a round trip, and the driver makes several for each statement; what they cost without any work is measured by as many
calls that do none. All databases are files, so that an insert is as durable with one as with the other.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time

import duckdb

from peers import PASSWORD, USER, Pintail, Quack, pintail_process
from rounds import Figure, median_of

STATEMENTS = 300


def main(count):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pintail-bench-"))
        pintail, quack = Pintail(), Quack(f"{folder}/quack.duckdb")
        stack.callback(pintail.close)
        stack.callback(quack.close)
        connection = stack.enter_context(pintail.adbc())
        own = duckdb.connect()
        stack.callback(own.close)

        def by_adbc(sql):
            with connection.cursor() as cursor:
                cursor.execute(sql)
                cursor.fetch_arrow_table()

        def by_pyarrow(sql):
            pintail.session.table(sql)

        def by_quack(sql):
            quack.table(sql)

        def in_process(sql):
            own.execute(sql).to_arrow_table()

        def call(_sql):
            list(pintail.session.client.list_actions(pintail.session.options))
        everybody = {"one call that does nothing, pyarrow": call, "Pintail, pyarrow": by_pyarrow, "Pintail, ADBC": by_adbc,
                     "Quack": by_quack, "in-process DuckDB": in_process}
        for name, text in [("the same text", "SELECT 42"), ("a new text each time", "SELECT 42 + {}")]:
            figure = Figure(f"SELECT 42, {name}, median", unit="ms", base="one call that does nothing, pyarrow")
            for number in range(count):
                for contender, run in everybody.items():
                    figure.add(contender, 1e3 * median_of(run, [text.format(number * STATEMENTS + at) for at in range(STATEMENTS)]))
            figure.print()

        figure = Figure("short statements a second, 16 connections", unit="/s")
        for _ in range(count):
            done = subprocess.run([pintail_process.BINARY, "bench", "throughput", pintail.server.uri, "--duration", "3s", "--format", "json"],
                                  env=pintail_process.environment() | {"PINTAIL_USER": USER, "PINTAIL_PASSWORD": PASSWORD}, check=True,
                                  capture_output=True, text=True)
            found = {row["figure"]: row["value"] for row in json.loads(done.stdout)}
            figure.add("Pintail, pintail bench throughput", found["statements"])
        figure.print()

        figure = Figure("single-row prepared inserts a second, one connection", unit="/s", base="Quack")
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE inserted (i INTEGER)")
        quack.connection.execute("CREATE TABLE remote.inserted (i INTEGER)")
        for _ in range(count):
            begin = time.perf_counter()
            with connection.cursor() as cursor:
                for number in range(STATEMENTS):
                    cursor.execute("INSERT INTO inserted VALUES (?)", (number,))
            figure.add("Pintail, ADBC", STATEMENTS / (time.perf_counter() - begin))
            begin = time.perf_counter()
            for number in range(STATEMENTS):
                quack.connection.execute("INSERT INTO remote.inserted VALUES (?)", (number,))
            figure.add("Quack", STATEMENTS / (time.perf_counter() - begin))
        figure.print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
