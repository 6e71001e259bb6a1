"""How what a unit of work costs grows with the connections, the columns, the size of a row, and the sessions that are idle.

    PINTAIL_BIN=<pintail> python tests/bench/growth.py [ROUNDS]

Each figure compares the same work in other portions with the first: 1 is no growth at all.
"""

import sys

import pyarrow.flight as flight

from peers import PASSWORD, USER, InProcess, Pintail
from rounds import Figure, by_turns, median_of

VALUES = 20_000_000
BYTES = 400_000_000
IDLE = 10_000


def connections(pintail, count):
    """The time of a statement, from the throughput of so many connections."""
    many = {f"{number} connection{'s' * (number > 1)}": number for number in (1, 4, 16, 64)}
    figure = Figure("time a short statement takes of all, by connections", unit="ms", base="1 connection")
    for _ in range(count):
        for name, number in many.items():
            figure.add(name, 1e3 / pintail.throughput(number))
    figure.print()


def columns(pintail, count):
    """As many integers in fewer and longer columns, or in more and shorter ones; and what DuckDB by itself makes of them."""
    def reading(contender, number):
        listed = ", ".join(f"i + {at} AS c{at}" for at in range(number))
        return lambda: contender.read(f"SELECT {listed} FROM range({VALUES // number}) t(i)")
    own = InProcess()
    for name, contender in (("", pintail), (", in-process DuckDB", own)):
        many = {f"{number} column{'s' * (number > 1)}": reading(contender, number) for number in (1, 10, 100)}
        by_turns(Figure(f"{VALUES // 1_000_000} million integers, by columns{name}", base="1 column"), many, count).print()
    own.close()


def rows(pintail, count):
    """As many bytes in smaller rows or in larger ones."""
    def read(size):
        return lambda: pintail.read(f"SELECT repeat('x', {size}) AS s FROM range({BYTES // size})")
    sizes = {f"{size // 1000} KB": read(size) for size in (1_000, 10_000, 100_000)}
    by_turns(Figure(f"{BYTES // 1_000_000} MB of text, by the size of a row", base="1 KB"), sizes, count).print()


def idle_sessions(pintail, count):
    """A short statement beside sessions that do nothing, on a server that has them and one that has none."""
    beside = Pintail()
    figure = Figure("SELECT 42 by pyarrow, beside idle sessions, median", unit="ms", base="0 sessions")
    statements = ["SELECT 42"] * 500
    with flight.FlightClient(beside.server.uri) as client:
        for _ in range(IDLE):
            client.authenticate_basic_token(USER, PASSWORD)
    contenders = {"0 sessions": pintail, f"{IDLE} sessions": beside}
    for number in range(1 + count):
        for name, server in contenders.items():
            median = 1e3 * median_of(server.table, statements)
            if number:
                figure.add(name, median)
    figure.print()
    beside.close()


def main(count):
    pintail = Pintail()
    for measured in (connections, columns, rows, idle_sessions):
        measured(pintail, count)
    pintail.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
