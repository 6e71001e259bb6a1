"""What a large result costs the server in memory, and how soon its first rows come.

    PINTAIL_BIN=<pintail> python tests/bench/memory.py [GIGABYTES]
"""

import contextlib
import sys
import threading
import time

from peers import Pintail, flight_sql

MB = 1e6
# Some 100 bytes a row.
ROW = "i, i * 2 AS j, i / 3 AS d, hash(i) AS h, repeat('x', 68) AS t"


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


def main(gigabytes):
    pintail = Pintail()
    sql = f"SELECT {ROW} FROM range({int(gigabytes * 1e7)}) t(i)"
    pintail.read("SELECT 42")
    with peak(pintail.server) as most:
        begin = time.perf_counter()
        stream = pintail.session.stream(sql)
        stream.read_chunk()
        first = time.perf_counter() - begin
        for _ in stream:
            pass
    print(f"one stream of {gigabytes} GB: {most[0]:.0f} MB above idle at most, first rows after {first * 1e3:.1f} ms")
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
