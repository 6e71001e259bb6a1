"""What the marks of a bulk result cost, by which it goes on when it breaks off: a table read by DoGet, whose batches carry digests,
and by DoExchange, whose batches don't, by turns, on one server.

    PINTAIL_BIN=<pintail> python tests/bench/digests.py [ROUNDS]
"""

import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))

import pyarrow as pa

import flight_sql
from pintail_process import Server

# Some 0.8 GB, computed at little cost.
ROWS = 12_000_000
SQL = "SELECT i, i AS j, i AS d, i AS e, hash(i) AS h, i AS f, 'row ' || i % 1000 AS t FROM wide"


def fetched(session):
    return sum(chunk.data.num_rows for chunk in session.stream(SQL))


def exchanged(session):
    writer, reader = session.client.do_exchange(flight_sql.query(SQL), session.options)
    with writer:
        writer.begin(pa.schema([]))
        writer.done_writing()
        return sum(chunk.data.num_rows for chunk in reader)


def seconds(read, session):
    """The time that the whole result takes."""
    begin = time.perf_counter()
    assert read(session) == ROWS
    return time.perf_counter() - begin


def main(rounds):
    server = Server()
    session = flight_sql.Session(server)
    session.update(f"CREATE TABLE wide AS SELECT i FROM range({ROWS}) t(i)")
    for read in (fetched, exchanged):
        seconds(read, session)
    ratios = []
    for _ in range(rounds):
        with_digests, without = seconds(fetched, session), seconds(exchanged, session)
        ratios.append(with_digests / without)
        print(f"{with_digests:.2f} s with digests, {without:.2f} s without: {ratios[-1]:.2f}")
    session.close()
    server.stop()
    print(f"median of {rounds}: {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
