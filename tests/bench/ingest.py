"""Rows from a client into a table of the server.

    PINTAIL_BIN=<pintail> python tests/bench/ingest.py [ROUNDS]

Lineitem, 6 million rows, by `adbc_ingest`, and by CREATE TABLE from the same Arrow table in the process, into a file too.
"""

import sys
import tempfile

from peers import InProcess, Pintail, tpch
from rounds import Figure, by_turns


def main(count):
    folder = tpch()
    place = tempfile.TemporaryDirectory(prefix="pintail-bench-")
    pintail, own = Pintail(files=folder), InProcess(f"{place.name}/own.duckdb")
    table = own.connection.execute(f"FROM '{folder}/lineitem.parquet'").to_arrow_table()
    with pintail.adbc() as connection:
        def by_adbc():
            with connection.cursor() as cursor:
                # In batches as a client would send them: one message can't hold all of it.
                rows = cursor.adbc_ingest("ingested", table.to_reader(max_chunksize=16_384), mode="replace")
                assert rows == table.num_rows

        def in_process():
            own.connection.execute("CREATE OR REPLACE TABLE ingested AS FROM table_")
        own.connection.register("table_", table)
        figure = Figure("ingest of lineitem, 6 M rows", base="in-process DuckDB")
        by_turns(figure, {"in-process DuckDB": in_process, "Pintail, ADBC": by_adbc}, count).print()
    own.close()
    pintail.close()
    place.cleanup()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
