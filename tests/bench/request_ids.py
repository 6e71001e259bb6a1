"""What a request id costs: single-row inserts with and without, by turns, on one server.

    PINTAIL_BIN=<pintail> python tests/bench/request_ids.py [ROUNDS]
"""

import pathlib
import statistics
import sys
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "python"))

import pyarrow as pa
import pyarrow.flight as flight

import flight_sql
from pintail_process import Server

INSERTS = 500


def milliseconds(session, with_ids):
    """The time that an insert takes."""
    command = flight_sql.command("CommandStatementUpdate", flight_sql.field(1, "INSERT INTO t VALUES (1)"))
    begin = time.perf_counter()
    for _ in range(INSERTS):
        ids = [(b"x-pintail-request-id", str(uuid.uuid4()).encode())] if with_ids else []
        options = flight.FlightCallOptions(headers=[session.header, *ids])
        writer, answers = session.client.do_put(command, pa.schema([]), options)
        with writer:
            writer.done_writing()
            answers.read()
    return (time.perf_counter() - begin) / INSERTS * 1000


def main(rounds):
    server = Server()
    session = flight_sql.Session(server)
    session.update("CREATE TABLE t (i INTEGER)")
    milliseconds(session, True)
    ratios = []
    for _ in range(rounds):
        without, with_ids = milliseconds(session, False), milliseconds(session, True)
        ratios.append(with_ids / without)
        print(f"{without:.2f} ms an insert, {with_ids:.2f} ms with an id: {ratios[-1]:.2f}")
    server.stop()
    print(f"median of {rounds}: {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
