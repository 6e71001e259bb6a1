"""A statement over which DuckDB fails by a mistake of its own, after which it refuses everything until the database is opened anew."""

import itertools
import threading

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import pintail
from client_connection import connect, session_of, value
from flight_sql import COMMIT, Session
from pintail_process import DEADLINE, wait_until

# A temporary table whose column is changed by numbers of a durable sequence: DuckDB finds at the commit that it should not be.
SEQUENCE = "CREATE SEQUENCE IF NOT EXISTS numbers"
FATAL = "CREATE OR REPLACE TEMP TABLE numbered AS SELECT 1 AS i; ALTER TABLE numbered ALTER i TYPE BIGINT USING i + nextval('numbers')"
EXPECTED = ["the engine serves nobody", "DuckDB failed by a mistake", "ENGINE_FAILED", "ENGINE_UNAVAILABLE"]


def breaks(session):
    """Has the engine fail; the statement's own error says by what."""
    with pytest.raises(pa.ArrowException, match="XX000.*made changes") as raised:
        session.table(FATAL)
    assert "Stack Trace" not in str(raised.value), "where in the program it was is for the log"


@pytest.fixture
def server(start, tmp_path):
    """One with a dataset."""
    parquet.write_table(pa.table({"i": range(10)}), tmp_path / "ten.parquet")
    server = start(f"--dataset=ten={tmp_path}/ten.parquet", expected=EXPECTED)
    with Session(server) as session:
        session.update(SEQUENCE)
        session.update("CREATE TABLE durable AS SELECT range AS i FROM range(1000)")
    return server


def test_sessions_go_on_with_all_that_is_theirs(server):
    pid = server.process.pid
    with Session(server) as mine, Session(server) as breaking:
        mine.update("CREATE TEMP TABLE kept AS SELECT range AS i FROM range(5000)")
        mine.table("SET VARIABLE mine = 1815")
        mine.set_option("pintail.compression", "zstd")
        with mine.prepared("SELECT count(*) + ? FROM kept") as prepared:
            for round in range(1, 4):
                breaks(breaking)
                assert prepared.table(pa.table({"1": [round]})).column(0).to_pylist() == [5000 + round]
                assert mine.value("SELECT getvariable('mine')") == 1815
                assert mine.value("SELECT count(*) FROM datasets.ten") == 10
                mine.update(f"INSERT INTO durable VALUES ({-round})")
                assert mine.value("SELECT count(*) FROM durable") == 1000 + round
                assert breaking.value("SELECT count(*) FROM durable") == 1000 + round, "its session goes on too"
                assert server.healthy()
        assert mine.get_options()["pintail.compression"] == "zstd"
    assert server.process.pid == pid and server.process.poll() is None
    server.end()
    server.start()
    with Session(server) as session:
        assert session.value("SELECT count(*) FROM durable") == 1003


def test_an_open_transaction_is_told_of_its_loss(server):
    with Session(server) as breaking, Session(server) as mine:
        transaction = mine.begin()
        mine.update("DELETE FROM durable", transaction)
        breaks(breaking)
        with pytest.raises(pa.ArrowException, match="40003|40001|25P02|rolled back"):
            mine.end(transaction, COMMIT)
        assert mine.value("SELECT count(*) FROM durable") == 1000


def test_the_client_applies_every_write_once_and_reads_every_row(server):
    broken = threading.Event()
    with connect(server, autocommit=True) as reading, connect(server, autocommit=True) as writing, Session(server) as breaking:
        sessions = [session_of(connection) for connection in (reading, writing)]
        written = []

        def write():
            for number in itertools.count(1000):
                writing.execute("INSERT INTO durable VALUES (?)", (number,))
                written.append(number)
                if broken.is_set():
                    return

        thread = threading.Thread(target=write)
        thread.start()
        try:
            cursor = reading.execute("SELECT i FROM range(20000000) t(i)")
            reader, seen = cursor.fetch_record_batch(), 0
            for round in range(3):
                goal = len(written) + 3
                wait_until(lambda goal=goal: not thread.is_alive() or len(written) >= goal, "the next writes")
                batch = reader.read_next_batch()
                assert batch.column(0)[0].as_py() == seen
                seen += len(batch)
                breaks(breaking)
        finally:
            broken.set()
            thread.join(DEADLINE)
        assert not thread.is_alive()
        for batch in reader:
            assert batch.column(0)[0].as_py() == seen
            seen += len(batch)
        assert seen == 20_000_000
        found = [number for (number,) in writing.execute("SELECT i FROM durable ORDER BY i").fetchall()]
        assert found == [*range(1000), *written]
        assert [session_of(connection) for connection in (reading, writing)] == sessions


def test_the_client_does_not_send_again_what_the_engine_failed_over(server):
    with connect(server, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE numbered AS SELECT 1 AS i")
        with pytest.raises(pintail.Error) as raised:
            connection.execute("ALTER TABLE numbered ALTER i TYPE BIGINT USING i + nextval('numbers')")
        assert (raised.value.code, raised.value.sqlstate) == ("ENGINE_FAILED", "XX000")
        assert value(connection, "SELECT i FROM numbered") == 1
    assert sum("the engine serves nobody" in line for line in server.log) == 1
