"""Whole tables, from the server to a client: the time, and the server's processor time.

    PINTAIL_BIN=<pintail> python tests/bench/bulk.py [ROUNDS]
"""

import contextlib
import sys

from peers import CppFlight, InProcess, Pintail, Quack, tpch
from rounds import Figure, by_turns, timed

# As large as its messages are best for pyarrow's server.
ROWS = 16_384


def compared(name, sql, rows, contenders, count):
    figure = Figure(name, base="in-process DuckDB")

    def whole(read):
        def work():
            assert read(sql) == rows
        return work
    by_turns(figure, {contender: whole(read) for contender, read in contenders.items()}, count).print()
    return figure


def main(count):
    folder = tpch()
    lineitem = f"FROM '{folder}/lineitem.parquet'"
    with contextlib.ExitStack() as stack:
        def closing(contender):
            stack.callback(contender.close)
            return contender
        pintail, cpp = closing(Pintail(files=folder)), closing(CppFlight(ROWS))
        own, quack = closing(InProcess()), closing(Quack())
        connection = stack.enter_context(pintail.adbc())

        def by_adbc(sql):
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetch_arrow_table().num_rows
        rows = own.connection.execute(f"SELECT count(*) {lineitem}").fetchone()[0]
        everybody = {"in-process DuckDB": own.read, "Pintail, pyarrow": pintail.read,
                     "Pintail, pyarrow, in any order": pintail.read_in_any_order, "Pintail, ADBC": by_adbc,
                     f"pyarrow C++ server, {ROWS} rows": cpp.read}
        compared("lineitem, Parquet", lineitem, rows, everybody | {"Quack": quack.read}, count)
        integers = f"SELECT l_orderkey, l_partkey, l_suppkey, l_linenumber {lineitem}"
        compared("four integer columns, Parquet", integers, rows, everybody, count)

        for connected in (pintail.session.update, own.connection.execute):
            connected(f"CREATE TABLE lineitem AS {lineitem}")
            connected("CREATE TABLE texts AS SELECT repeat(md5(i::VARCHAR), 6) || i % 100000000 AS s FROM range(2000000) t(i)")
        natively = {name: read for name, read in everybody.items() if "C++" not in name}
        compared("lineitem, native table", "FROM lineitem", rows, natively, count)
        compared("strings of 200 bytes, native table", "FROM texts", 2_000_000, natively, count)

        figure = Figure("server processor seconds per GB, lineitem from Parquet", "s/GB", base="pyarrow C++ server")
        gigabytes = own.connection.execute(lineitem).to_arrow_table().nbytes / 1e9
        for _ in range(count):
            for name, read, used in [("pyarrow C++ server", cpp.read, cpp.cpu), ("Pintail", pintail.read, pintail.server.cpu)]:
                before = used()
                timed(lambda read=read: read(lineitem))
                figure.add(name, (used() - before) / gigabytes)
        figure.print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
