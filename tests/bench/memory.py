"""What a large result costs the server in memory, and how soon its first rows come, here and in DuckDB by itself.

    PINTAIL_BIN=<pintail> python tests/bench/memory.py [ROUNDS]
"""

import contextlib
import sys
import threading
import time

from peers import InProcess, Pintail, flight_sql
from rounds import Figure

MB = 1e6
# Some 100 bytes a row.
ROW = "i, i * 2 AS j, i / 3 AS d, hash(i) AS h, repeat('x', 68) AS t"

# What a large result has.
GIGABYTES = 10

# How often the first rows are asked for in a round.
TIMES = 5


@contextlib.contextmanager
def peak(server):
    """How much more memory than before the server has at most, in MB, as the only item of a list."""
    before, most, over = server.rss(), [0.0], threading.Event()

    def watch():
        while not over.wait(0.02):
            most[0] = max(most[0], (server.rss() - before) / MB)
    watcher = threading.Thread(target=watch)
    watcher.start()
    yield most
    over.set()
    watcher.join()


def first_rows(pintail, sql, count):
    """How long the first rows take, from GetFlightInfo on, and as many in DuckDB by itself."""
    own, figure = InProcess(), Figure(f"first rows of {GIGABYTES} GB", "ms")
    for number in range(1 + TIMES * count):
        begin = time.perf_counter()
        stream = pintail.session.stream(sql)
        rows = stream.read_chunk().data.num_rows
        by_server = 1e3 * (time.perf_counter() - begin)
        stream.cancel()
        begin = time.perf_counter()
        own.connection.execute(sql).to_arrow_reader(rows).read_next_batch()
        by_itself = 1e3 * (time.perf_counter() - begin)
        if number:
            figure.add("in-process DuckDB", by_itself)
            figure.add("Pintail, pyarrow", by_server)
            figure.add("the difference", by_server - by_itself)
    own.close()
    figure.print()


def streams(each, many):
    """Reads so many results at once, each of so many gigabytes; how much memory that takes of a server that is new."""
    pintail = Pintail()
    sql = f"SELECT {ROW} FROM range({int(each * 1e7)}) t(i)"
    sessions = [flight_sql.Session(pintail.server) for _ in range(many)]
    with peak(pintail.server) as most:
        readers = [threading.Thread(target=lambda session=session: sum(chunk.data.num_rows for chunk in session.stream(sql)))
                   for session in sessions]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    for session in sessions:
        session.close()
    pintail.close()
    return most[0]


def main(count):
    pintail = Pintail()
    first_rows(pintail, f"SELECT {ROW} FROM range({int(GIGABYTES * 1e7)}) t(i)", count)
    pintail.close()
    figure = Figure(f"memory above idle, {GIGABYTES} GB in all", "MB")
    for _ in range(count):
        figure.add("one stream", streams(GIGABYTES, 1))
        figure.add("four at once", streams(GIGABYTES / 4, 4))
    figure.print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
