"""Rows from the server's memory: what is left is their encoding, the calls, and the network. The time, and the server's processor time.

    PINTAIL_BIN=<pintail> python tests/bench/transport.py [ROUNDS]
"""

import contextlib
import sys

import pyarrow.flight as flight

from peers import CppFlight, Pintail, tpch
from rounds import Figure, by_turns, timed

# So many rows of lineitem are less than the server keeps of a statement that is run once; they are read so often, which is 1 GB.
ROWS, TIMES = 250_000, 25


def main(count):
    folder = tpch()
    sql = f"FROM '{folder}/lineitem.parquet' LIMIT {ROWS}"
    with contextlib.ExitStack() as stack:
        pintail = Pintail(files=folder)
        stack.callback(pintail.close)
        # A text that does more than to read is run once, and its rows are kept.
        ticket = pintail.session.info(f"SET VARIABLE kept = 1; {sql}").endpoints[0].ticket

        def read():
            return [chunk.data for chunk in pintail.session.client.do_get(ticket, pintail.session.options)]
        batches = read()
        gigabytes = TIMES * sum(batch.nbytes for batch in batches) / 1e9
        cpp = CppFlight(batches[0].num_rows)
        stack.callback(cpp.close)
        held = flight.Ticket(f"memory:{sql}".encode())
        contenders = {"pyarrow C++ server": (lambda: list(cpp.client.do_get(held)), cpp.cpu),
                      "Pintail": (read, pintail.server.cpu)}
        name = f"{gigabytes:.1f} GB of lineitem from memory, {batches[0].num_rows} rows a batch"

        def often(work):
            return lambda: [work() for _ in range(TIMES)] and None
        times = {contender: often(work) for contender, (work, _) in contenders.items()}
        by_turns(Figure(name, base="pyarrow C++ server"), times, count).print()
        figure = Figure("server processor seconds per GB, from memory", "s/GB", base="pyarrow C++ server")
        for _ in range(count):
            for contender, (_, used) in contenders.items():
                before = used()
                timed(times[contender])
                figure.add(contender, (used() - before) / gigabytes)
        figure.print()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
