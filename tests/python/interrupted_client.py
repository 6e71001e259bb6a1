"""A program for a terminal, whose statement somebody interrupts by Ctrl-C. It says what becomes of it, line by line."""

import signal
import sys

import pintail

ENDLESS = "SELECT count(*) FROM range(10000000000000)"
# As long, and the engine can tell how much of it is done.
MEASURED = "SELECT count(*) FROM many a, many b WHERE a.g + b.g = 17 AND a.i % 7 = b.i % 3"


def main(uri, user, password, what):
    with pintail.connect(uri, user=user, password=password, autocommit=True) as connection:
        connection.execute("SET VARIABLE mine = 1815")
        if what.startswith("share"):
            connection.execute("CREATE TABLE many AS SELECT i, i % 1000 AS g FROM range(2000000) t(i)")
        print("ready", flush=True)
        try:
            if what == "query":
                connection.execute(ENDLESS)
            elif what == "rows":
                connection.execute("SELECT i FROM range(10000000000000) t(i)").fetch_arrow_table()
            elif what == "share":
                connection.execute(MEASURED)
            elif what == "share of a write":
                connection.execute(f"CREATE TABLE never AS {MEASURED}", timeout=60)
            else:
                connection.execute(f"CREATE TABLE never AS {ENDLESS}", timeout=60)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        if what.endswith("write"):
            # What can't be cancelled is left to itself, and so is its session.
            connection.detach()
            print("left", flush=True)
            return
        print(connection.execute("SELECT getvariable('mine')").fetchall(), flush=True)


# What a shell has started in the background ignores it, and so does everything that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
main(*sys.argv[1:])
