"""What it costs that nothing is lost: digests of results, results by way of the spool, request ids and temporary tables, each beside
the same without.

    PINTAIL_BIN=<pintail> python tests/bench/overheads.py [ROUNDS]
"""

import sys
import uuid

import pyarrow as pa
import pyarrow.flight as flight

from peers import Pintail, flight_sql, tpch
from rounds import Figure, by_turns

INSERTS = 500

# The same of temporary tables, and how many others a session has.
WRITES, OTHERS = 100, 100

# A round is so many reads, since each by itself is short.
READS = 3


def by_get(session, sql):
    """Reads a result whose batches carry digests, by which it goes on when it breaks off."""
    return sum(chunk.data.num_rows for chunk in session.stream(sql))


def by_exchange(session, sql):
    """Reads the same by the call whose batches carry none."""
    writer, reader = session.client.do_exchange(flight_sql.query(sql), session.options)
    with writer:
        writer.begin(pa.schema([]))
        writer.done_writing()
        return sum(chunk.data.num_rows for chunk in reader)


def digests(pintail, sql, rows, count):
    def often(read):
        def reads():
            for _ in range(READS):
                assert read(pintail.session, sql) == rows
        return reads
    reads = {"without digests": often(by_exchange), "with digests": often(by_get)}
    by_turns(Figure("lineitem, Parquet, by its digests", base="without digests"), reads, count).print()
    figure = Figure("server processor seconds, by its digests", base="without digests")
    for _ in range(count):
        for name, work in reads.items():
            before = pintail.server.cpu()
            work()
            figure.add(name, pintail.server.cpu() - before)
    figure.print()


def spooled(pintail, sql, rows, count):
    def read(results):
        def reads():
            pintail.session.set_option("pintail.results", results)
            assert by_get(pintail.session, sql) == rows
        return reads
    reads = {"as it is computed": read("verify"), "by way of the spool": read("spool")}
    by_turns(Figure("lineitem, Parquet, by where it comes from", base="as it is computed"), reads, count).print()
    pintail.session.set_option("pintail.results", "verify")


def request_ids(pintail, count):
    session = pintail.session
    command = flight_sql.command("CommandStatementUpdate", flight_sql.field(1, "INSERT INTO inserted VALUES (1)"))

    def inserts(with_ids):
        def insert():
            for _ in range(INSERTS):
                ids = [(b"x-pintail-request-id", str(uuid.uuid4()).encode())] if with_ids else []
                writer, answers = session.client.do_put(command, pa.schema([]), flight.FlightCallOptions(headers=[session.header, *ids]))
                with writer:
                    writer.done_writing()
                    answers.read()
        return insert
    session.update("CREATE TABLE inserted (i INTEGER)")
    works = {"without": inserts(with_ids=False), "with a request id": inserts(with_ids=True)}
    by_turns(Figure(f"{INSERTS} single-row inserts, by their request ids", base="without"), works, count).print()


def temporaries(pintail, count):
    session, others = pintail.session, flight_sql.Session(pintail.server)
    session.update("CREATE TABLE ordinary (i BIGINT)")
    for one in (session, others):
        one.update("CREATE TEMP TABLE small (i BIGINT)")
        one.update("CREATE TEMP SEQUENCE positions")
    session.update("CREATE TEMP TABLE large AS SELECT range AS i FROM range(1_000_000)")
    for number in range(OTHERS):
        others.update(f"CREATE TEMP TABLE other_{number} AS SELECT range AS i FROM range(1_000)")

    def inserts(session, table):
        def insert():
            for _ in range(WRITES):
                session.update(f"INSERT INTO {table} VALUES (1)")
        return insert

    works = {
        "into an ordinary table": inserts(session, "ordinary"),
        "into a temporary one": inserts(session, "small"),
        f"the same beside {OTHERS} others": inserts(others, "small"),
        "into a temporary one of 8 MB": inserts(session, "large"),
    }
    by_turns(Figure(f"{WRITES} single-row inserts, by the table", base="into an ordinary table"), works, count).print()

    def values(sql):
        def ask():
            for _ in range(WRITES):
                session.value(sql)
        return ask
    works = {"SELECT 42": values("SELECT 42"), "SELECT nextval(…)": values("SELECT nextval('positions')")}
    by_turns(Figure(f"{WRITES} values, by a temporary sequence", base="SELECT 42"), works, count).print()
    others.close()


def main(count):
    folder = tpch()
    pintail = Pintail(files=folder)
    sql = f"FROM '{folder}/lineitem.parquet'"
    rows = pintail.session.value(f"SELECT count(*) {sql}")
    digests(pintail, sql, rows, count)
    spooled(pintail, sql, rows, count)
    request_ids(pintail, count)
    temporaries(pintail, count)
    pintail.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
