"""Many at once: each gets what is theirs, and nobody waits for somebody else's scan."""

import collections
import concurrent.futures
import random
import threading
import time

import adbc_driver_manager

from conftest import adbc_connection
from flight_sql import Session
from pintail_process import wait_until

# Hours of work, so that what is shown while it runs does not depend on how fast the machine is.
ENDLESS = "SELECT sum(hash(a.range + b.range * 7) % 1000) FROM range(10000000) a, range(10000000) b"


def in_threads(count, work):
    """Runs `work(0)` … `work(count - 1)` at once, each in a thread, and returns what they return."""
    barrier = threading.Barrier(count)

    def begin(number):
        barrier.wait()
        return work(number)

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def test_sixty_four_connections_read_and_write(start):
    server = start()
    with adbc_connection(server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE shared (writer INTEGER, n INTEGER)")
        cursor.execute("CREATE TABLE counters (id INTEGER, n INTEGER)")
        cursor.execute("INSERT INTO counters SELECT range, 0 FROM range(8)")
        sockets, threads = server.sockets(), server.threads()

    def work(number):
        choose = random.Random(number)
        done = collections.Counter()
        with adbc_connection(server, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE own_{number} (n INTEGER)")
            done["statements"] += 1
            while done["statements"] < 200:
                done["statements"] += 1
                kind = choose.choice(["insert", "update", "own", "count", "sum", "range"])
                try:
                    match kind:
                        case "insert":
                            cursor.execute(f"INSERT INTO shared VALUES ({number}, {done['statements']})")
                        case "update":
                            cursor.execute(f"UPDATE counters SET n = n + 1 WHERE id = {choose.randrange(8)}")
                        case "own":
                            cursor.execute(f"INSERT INTO own_{number} VALUES (1)")
                        case "count":
                            cursor.execute(f"SELECT count(*) FROM own_{number}")
                            assert cursor.fetchall() == [(done["own"],)]
                        case "sum":
                            cursor.execute(f"SELECT count(*) FROM shared WHERE writer = {number}")
                            assert cursor.fetchall() == [(done["insert"],)]
                        case "range":
                            cursor.execute("SELECT count(*) FROM range(10000)")
                            assert cursor.fetchall() == [(10_000,)]
                    done[kind] += 1
                except adbc_driver_manager.Error as error:
                    # Two transactions that change one row: the only failure there may be.
                    assert kind == "update" and "40001" in str(error), f"{kind}: {error}"
                    done["conflict"] += 1
        return done

    begin = time.monotonic()
    total = sum(in_threads(64, work), collections.Counter())
    seconds = time.monotonic() - begin
    print(f"64 connections, {total['statements']} statements in {seconds:.1f} s, {total['conflict']} conflicts")
    with adbc_connection(server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM shared), (SELECT sum(n)::BIGINT FROM counters)")
        assert cursor.fetchall() == [(total["insert"], total["update"])], "what was confirmed is there, and no more"
    wait_until(lambda: server.sockets() <= sockets, "the end of the connections")
    wait_until(lambda: server.threads() <= threads + 4, "the end of the threads", deadline=60)


def test_thirty_two_cold_clients_create_the_same_table(start):
    server = start()

    def work(number):
        with adbc_connection(server, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS common (n INTEGER)")
            cursor.execute(f"INSERT INTO common VALUES ({number})")
            connection.adbc_get_objects(depth="all").read_all()

    in_threads(32, work)
    with Session(server) as session:
        assert session.value("SELECT count(DISTINCT n) FROM common") == 32


def test_sixteen_scans_keep_nobody_from_an_answer(start):
    server = start()
    scans = [adbc_connection(server, autocommit=True) for _ in range(16)]
    cursors = [scan.cursor() for scan in scans]

    def scan(cursor):
        try:
            cursor.execute(ENDLESS)
            cursor.fetchall()
        except adbc_driver_manager.Error as error:
            return error
        raise AssertionError("the scan was meant to go on for hours")

    with concurrent.futures.ThreadPoolExecutor(16) as pool, Session(server) as session:
        running = [pool.submit(scan, cursor) for cursor in cursors]
        try:
            wait_until(lambda: server.busy(1.0), "the scans")
            times = collections.defaultdict(list)
            for _ in range(10):
                for what, ask in [("health", server.healthy), ("SELECT 1", lambda: session.value("SELECT 1") == 1)]:
                    begin = time.monotonic()
                    assert ask()
                    times[what].append(time.monotonic() - begin)
            with Session(server) as newcomer:
                assert newcomer.value("SELECT 2") == 2
            for what, seconds in times.items():
                print(f"{what} beside 16 scans: at best {min(seconds):.3f} s, at worst {max(seconds):.3f} s")
            assert not any(future.done() for future in running), "all of that happened while the scans ran"
        finally:
            for cursor in cursors:
                cursor.adbc_cancel()
        for future in running:
            assert future.result(60) is not None
    for cursor, connection in zip(cursors, scans, strict=True):
        cursor.close()
        connection.close()
    wait_until(lambda: not server.busy(), "the end of the scans")


def test_two_scans_overlap(start):
    server = start()
    with adbc_connection(server, autocommit=True) as long, long.cursor() as cursor, Session(server) as session, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        def endless():
            try:
                cursor.execute(ENDLESS)
                cursor.fetchall()
            except adbc_driver_manager.Error as error:
                return error

        running = pool.submit(endless)
        try:
            wait_until(lambda: server.busy(0.5), "the first scan")
            begin = time.monotonic()
            # A scan of its own, begun later and done while the first one still runs: it was not queued behind it.
            assert session.value("SELECT count(*) FROM range(200000000) WHERE range % 7 = 3") == 28_571_429
            print(f"a scan of 200 million rows beside another scan took {time.monotonic() - begin:.2f} s")
            assert not running.done()
        finally:
            cursor.adbc_cancel()
        assert running.result(60) is not None
