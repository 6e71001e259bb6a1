"""Short statements: how long one takes through the ADBC driver, and how many there are in a second.

    PINTAIL_BIN=<pintail> python tests/bench/short.py [ROUNDS]

A call is a round trip, and the driver makes several for each statement; what they cost without any work is measured with a server
that does none. All databases are files, so that an insert is as durable with one as with the other.
"""

import concurrent.futures
import contextlib
import sys
import tempfile

import duckdb

from peers import Nothing, Pintail, Quack
from rounds import Figure, by_turns, median_of, timed

STATEMENTS = 300

# How many rows one `executemany` has.
ROWS = 2000


def main(count):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="pintail-bench-"))
        pintail, quack, idle = Pintail(), Quack(f"{folder}/quack.duckdb"), Nothing()
        for server in (pintail, quack, idle):
            stack.callback(server.close)
        connection = stack.enter_context(pintail.adbc())
        own = duckdb.connect()
        stack.callback(own.close)

        def by_adbc(connection):
            def run(sql):
                with connection.cursor() as cursor:
                    cursor.execute(sql)
                    cursor.fetch_arrow_table()
            return run

        nothing = "a server that does nothing"
        clients = {
            "ADBC": {nothing: by_adbc(stack.enter_context(idle.adbc())), "Pintail": by_adbc(connection), "Quack, DuckDB": quack.table,
                     "in-process DuckDB": lambda sql: own.execute(sql).to_arrow_table()},
            "pyarrow": {nothing: idle.session.table, "Pintail": pintail.table},
        }
        for client, everybody in clients.items():
            for name, text in [("the same text", "SELECT 42"), ("a new text each time", "SELECT 42 + {}")]:
                figure = Figure(f"SELECT 42 by {client}, {name}, median", unit="ms", base=nothing)
                for number in range(count):
                    texts = [text.format(number * STATEMENTS + at) for at in range(STATEMENTS)]
                    for contender, run in everybody.items():
                        figure.add(contender, 1e3 * median_of(run, texts))
                figure.print()

        figure = Figure("short statements a second, 16 connections", unit="/s")
        for _ in range(count):
            figure.add("Pintail, pintail bench throughput", pintail.throughput())
        figure.print()

        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE inserted (i INTEGER)")
        quack.connection.execute("CREATE TABLE remote.inserted (i INTEGER)")
        for connections in (1, 8):
            figure = Figure(f"single-row prepared inserts a second, {connections} connection{'s' * (connections > 1)}", unit="/s", base="Quack")
            with contextlib.ExitStack() as clients:
                adbc = [clients.enter_context(pintail.adbc()) for _ in range(connections)]
                unserved = [clients.enter_context(idle.adbc()) for _ in range(connections)]
                remote = [clients.enter_context(contextlib.closing(quack.connect())) for _ in range(connections)]
                for _ in range(count):
                    for contender, served in [("Pintail", adbc), (nothing, unserved)]:
                        figure.add(f"{contender}, ADBC", inserts_a_second(insert_by_query, served))
                        figure.add(f"{contender}, ADBC's update", inserts_a_second(insert_by_update, served))
                    figure.add("Quack", inserts_a_second(insert_by_quack, remote))
            figure.print()

        durable = duckdb.connect(f"{folder}/own.duckdb")
        stack.callback(durable.close)
        durable.execute("CREATE TABLE inserted (i INTEGER)")
        rows = [(number,) for number in range(ROWS)]

        def insert_many():
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO inserted VALUES (?)", rows)

        def insert_many_in_process():
            durable.begin()
            durable.executemany("INSERT INTO inserted VALUES (?)", rows)
            durable.commit()

        figure = Figure(f"executemany of {ROWS} rows, one transaction", base="in-process DuckDB")
        by_turns(figure, {"in-process DuckDB": insert_many_in_process, "Pintail, ADBC": insert_many}, count).print()


def insert_by_query(connection):
    """As DB-API's `execute` has it, which asks every statement for rows: three calls."""
    with connection.cursor() as cursor:
        for number in range(STATEMENTS):
            cursor.execute("INSERT INTO inserted VALUES (?)", (number,))


def insert_by_update(connection):
    """As other drivers execute what changes something, by ADBC's `ExecuteUpdate`: one call. In DB-API it is `executemany`."""
    with connection.cursor() as cursor:
        for number in range(STATEMENTS):
            cursor.executemany("INSERT INTO inserted VALUES (?)", [(number,)])


def insert_by_quack(connection):
    for number in range(STATEMENTS):
        connection.execute("INSERT INTO remote.inserted VALUES (?)", (number,))


def inserts_a_second(insert, connections):
    """How many inserts are done in a second when each connection does its own at once."""
    with concurrent.futures.ThreadPoolExecutor(len(connections)) as threads:
        seconds = timed(lambda: list(threads.map(insert, connections)))
    return STATEMENTS * len(connections) / seconds


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
