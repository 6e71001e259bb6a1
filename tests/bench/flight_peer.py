"""A Flight server in C++, pyarrow's, over DuckDB: a peer that is compared with. It is a process of its own.

    python flight_peer.py DATABASE ROWS

prints its port, and serves what SQL a ticket holds, in batches of at most so many rows. A ticket of `memory:NAME` is a table that
is held in memory.
"""

import sys

import duckdb
import pyarrow.flight as flight


class Peer(flight.FlightServerBase):
    def __init__(self, database, rows):
        super().__init__("grpc://127.0.0.1:0")
        self.database, self.rows, self.tables = duckdb.connect(database), rows, {}

    def do_get(self, _context, ticket):
        sql = ticket.ticket.decode()
        if sql.startswith("memory:"):
            return flight.RecordBatchStream(self.held(sql.removeprefix("memory:")))
        return flight.RecordBatchStream(self.database.cursor().execute(sql).to_arrow_reader(self.rows))

    def held(self, sql):
        if sql not in self.tables:
            table = self.database.cursor().execute(sql).to_arrow_table()
            self.tables[sql] = type(table).from_batches(table.to_batches(max_chunksize=self.rows))
        return self.tables[sql].to_reader(max_chunksize=self.rows)


if __name__ == "__main__":
    peer = Peer(sys.argv[1], int(sys.argv[2]))
    print(peer.port, flush=True)
    peer.serve()
