"""A client that is made to vanish: it opens connections, leaves each in mid-query, says so, and waits to be killed.

    vanishing_client.py URI STREAMS HEAVY

STREAMS connections have read the first batch of a large result, HEAVY ones wait for a result that takes for ever.
"""

import sys
import threading

from flight_sql import Session

STREAM = "SELECT i, repeat('x', 100) AS padding FROM range(100000000) t(i)"
HEAVY = "SELECT sum(a.range * b.range % 7) FROM range(10000000) a, range(10000000) b"


class Address:
    """What a session needs to know of a server."""

    def __init__(self, uri):
        self.uri = uri


def main():
    server, streams, heavy = Address(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    held = []
    for _ in range(streams):
        session = Session(server)
        reader = session.stream(STREAM)
        reader.read_chunk()
        held.append((session, reader))
    for _ in range(heavy):
        # The call is on its way when the thread waits in it; that it runs is seen by the server's processor time.
        threading.Thread(target=lambda: Session(server).stream(HEAVY).read_chunk(), daemon=True).start()
    print("in the middle", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
