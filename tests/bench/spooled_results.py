"""What it costs to have a result in the spool: a bulk read as it is computed and by way of the spool, by turns, on one server.

    PINTAIL_BIN=<pintail> python tests/bench/spooled_results.py [ROUNDS]
"""

import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))

import flight_sql
from pintail_process import Server

# Some 0.8 GB.
ROWS = 12_000_000
SQL = "SELECT i, i * 2 AS j, i / 3 AS d, 'row ' || i % 1000 AS t, hash(i) AS h, i % 7 = 0 AS b, i::DECIMAL(18, 2) AS m FROM wide"


def seconds(session, results):
    """The time that the whole result takes."""
    session.set_option("pintail.results", results)
    begin = time.perf_counter()
    rows = sum(chunk.data.num_rows for chunk in session.stream(SQL))
    assert rows == ROWS
    return time.perf_counter() - begin


def main(rounds):
    server = Server()
    session = flight_sql.Session(server)
    session.update(f"CREATE TABLE wide AS SELECT i FROM range({ROWS}) t(i)")
    seconds(session, "verify")
    ratios = []
    for _ in range(rounds):
        computed, spooled = seconds(session, "verify"), seconds(session, "spool")
        ratios.append(spooled / computed)
        print(f"{computed:.2f} s as it is computed, {spooled:.2f} s by way of the spool: {ratios[-1]:.2f}")
    session.close()
    server.stop()
    print(f"median of {rounds}: {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
