"""The 22 queries of TPC-H at scale 1, through the server and in the process.

    PINTAIL_BIN=<pintail> python tests/bench/tpch.py [ROUNDS]

The tables are Parquet files. The figure is the time of all 22, one after the other.
"""

import sys

from peers import CACHE, InProcess, Pintail, tpch
from rounds import Figure, timed

TABLES = ["customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier"]


def queries(connection):
    """Their texts, as DuckDB's extension has them."""
    extension = next((CACHE / "extensions-bench").glob("**/tpch.duckdb_extension"))
    connection.execute(f"LOAD '{extension}'")
    return [sql for sql, in connection.execute("SELECT query FROM tpch_queries() ORDER BY query_nr").fetchall()]


def main(count):
    folder = tpch()
    pintail, own = Pintail(files=folder), InProcess()
    for table in TABLES:
        view = f"CREATE VIEW {table} AS FROM '{folder}/{table}.parquet'"
        pintail.session.update(view)
        own.connection.execute(view)
    texts = queries(own.connection)
    figure = Figure("22 TPC-H queries, Parquet, in all", base="in-process DuckDB")
    each = {number: Figure(f"query {number}", base="in-process DuckDB") for number in range(1, len(texts) + 1)}
    for turn in range(count + 1):
        for name, read in [("in-process DuckDB", own.read), ("Pintail, pyarrow", pintail.read)]:
            times = [timed(lambda sql=sql, read=read: read(sql)) for sql in texts]
            if turn:
                figure.add(name, sum(times))
                for number, seconds in enumerate(times, 1):
                    each[number].add(name, seconds)
    for one in each.values():
        one.print()
    figure.print()
    own.close()
    pintail.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
