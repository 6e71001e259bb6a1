"""DuckDB's own remote protocol, Quack: a peer that is compared with. It is a process of its own.

    python quack_peer.py DATABASE TOKEN PORT EXTENSION...

serves until its standard input ends.
"""

import sys

import duckdb

if __name__ == "__main__":
    database, token, port, *extensions = sys.argv[1:]
    connection = duckdb.connect(database, config={"allow_unsigned_extensions": "true"})
    for extension in extensions:
        connection.execute(f"LOAD '{extension}'")
    connection.execute(f"CALL quack_serve('quack:localhost:{port}', token := '{token}')")
    print("ready", flush=True)
    sys.stdin.read()
