"""What a large result costs the server in memory, and how soon its first rows come, here and in DuckDB by itself.

    PINTAIL_BIN=<pintail> python tests/bench/memory.py [GIGABYTES]
"""

import contextlib
import statistics
import sys
import threading
import time

from peers import InProcess, Pintail, flight_sql

MB = 1e6
# Some 100 bytes a row.
ROW = "i, i * 2 AS j, i / 3 AS d, hash(i) AS h, repeat('x', 68) AS t"

# How often the first rows are asked for.
TIMES = 15


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


def first_rows(pintail, sql):
    """How long the first rows take, in ms: by the server, from GetFlightInfo on, and as many in DuckDB by itself."""
    own, took = InProcess(), ([], [])
    for _ in range(1 + TIMES):
        begin = time.perf_counter()
        stream = pintail.session.stream(sql)
        rows = stream.read_chunk().data.num_rows
        took[0].append(1e3 * (time.perf_counter() - begin))
        stream.cancel()
        begin = time.perf_counter()
        own.connection.execute(sql).to_arrow_reader(rows).read_next_batch()
        took[1].append(1e3 * (time.perf_counter() - begin))
    own.close()
    return [statistics.median(each[1:]) for each in took]


def main(gigabytes):
    pintail = Pintail()
    sql = f"SELECT {ROW} FROM range({int(gigabytes * 1e7)}) t(i)"
    by_server, by_itself = first_rows(pintail, sql)
    print(f"first rows of {gigabytes} GB, median of {TIMES}: after {by_server:.1f} ms, as many in-process after {by_itself:.1f} ms")
    with peak(pintail.server) as most:
        for _ in pintail.session.stream(sql):
            pass
    print(f"one stream of {gigabytes} GB: {most[0]:.0f} MB above idle at most")
    sessions = [flight_sql.Session(pintail.server) for _ in range(4)]
    part = f"SELECT {ROW} FROM range({int(gigabytes * 1e7 / 4)}) t(i)"
    with peak(pintail.server) as most:
        readers = [threading.Thread(target=lambda session=session: sum(chunk.data.num_rows for chunk in session.stream(part)))
                   for session in sessions]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
    print(f"four at once, {gigabytes} GB in all: {most[0]:.0f} MB above idle at most")
    for session in sessions:
        session.close()
    pintail.close()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10)
