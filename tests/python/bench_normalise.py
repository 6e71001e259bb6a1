"""What it costs a client that SQL types have one wire type each: medians of runs that alternate, and their ratio.

    python bench_normalise.py [duckdb|datafusion]...

Each pair asks for the same rows twice: as they are, and cast to a type whose values are sent as the engine has them.
`cargo bench -p typemap` measures the same without an engine and a wire between.
"""

import pathlib
import statistics
import sys
import tempfile
import time

import duckdb

from flight_sql import Session
from pintail_process import Server

ROWS = 4_000_000
GROUPS = 500_000
ROUNDS = 15
PAIRS = {
    "SUM over integers, one row": ("SELECT sum(i) AS s FROM big", "SELECT CAST(sum(i) AS BIGINT) AS s FROM big"),
    "SUM over integers, many groups": ("SELECT k, sum(i) AS s FROM big GROUP BY k",
                                       "SELECT k, CAST(sum(i) AS BIGINT) AS s FROM big GROUP BY k"),
    "HUGEINT against BIGINT, streamed": ("SELECT CAST(i AS HUGEINT) AS v FROM big",
                                         "SELECT CAST(i AS BIGINT) AS v FROM big"),
    "DECIMAL(38,0) against BIGINT, streamed": ("SELECT CAST(i AS DECIMAL(38,0)) AS v FROM big",
                                               "SELECT CAST(i AS BIGINT) AS v FROM big"),
}


def seconds(session, sql):
    begin = time.perf_counter()
    rows = sum(chunk.data.num_rows for chunk in session.stream(sql))
    assert rows in (1, ROWS, GROUPS)
    return time.perf_counter() - begin


def run(engine):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "big.parquet"
        duckdb.sql(f"COPY (SELECT (i % {GROUPS})::INTEGER AS k, (i % 1000)::INTEGER AS i FROM range({ROWS}) t(i)) "
                   f"TO '{file}'")
        server = Server("--engine", engine, allow_files=[folder])
        make = {"duckdb": f"CREATE TABLE big AS FROM '{file}'",
                "datafusion": f"CREATE EXTERNAL TABLE big STORED AS PARQUET LOCATION '{file}'"}[engine]
        try:
            with Session(server) as session:
                session.table(make)
                for name, pair in PAIRS.items():
                    times = [[seconds(session, sql) for sql in pair] for _ in range(ROUNDS + 1)][1:]
                    plain, cast = (statistics.median(column) for column in zip(*times))
                    ratio = statistics.median(a / b for a, b in times)
                    print(f"{engine:10} {name:40} {plain * 1000:8.1f} ms {cast * 1000:8.1f} ms   ratio {ratio:.3f}")
        finally:
            server.stop()


if __name__ == "__main__":
    for engine in sys.argv[1:] or ["duckdb", "datafusion"]:
        run(engine)
