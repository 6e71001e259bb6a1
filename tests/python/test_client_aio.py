"""The Python client for asyncio."""

import asyncio

import pyarrow as pa
import pytest

import pintail
import pintail.aio
from pintail_process import DEADLINE, PASSWORD, USER, free_port, wait_until

ENDLESS = "SELECT count(*) FROM range(10000000000000)"


def connect(server, **options):
    return pintail.aio.connect(server.uri, user=USER, password=PASSWORD, **{"autocommit": True, **options})


def test_statements_are_awaited(server):
    async def main():
        async with await connect(server) as connection:
            cursor = await connection.execute("SELECT i, 'x' FROM range(10) t(i) ORDER BY i")
            assert [column[0] for column in cursor.description] == ["i", "'x'"]
            assert await cursor.fetchone() == (0, "x")
            assert await cursor.fetchmany(2) == [(1, "x"), (2, "x")]
            assert [row[0] async for row in cursor] == [3, 4, 5, 6, 7, 8, 9]
            assert await (await connection.execute("SELECT ?", (5,))).fetchall() == [(5,)]
            table = await (await connection.execute("SELECT i FROM range(200000) t(i)")).fetch_arrow_table()
            assert table.num_rows == 200_000
            cursor = await connection.execute("SELECT i FROM range(200000) t(i)")
            assert sum([batch.num_rows async for batch in cursor.fetch_record_batches()]) == 200_000
            assert (await (await connection.execute("SELECT 1 AS a")).fetch_df()).to_dict("list") == {"a": [1]}
            async with connection.cursor() as cursor:
                await cursor.executemany("CREATE OR REPLACE TABLE aio AS SELECT 1 AS i WHERE ?", [(False,)])
                await cursor.executemany("INSERT INTO aio VALUES (?)", [(1,), (2,)])
                assert cursor.rowcount == 2
            assert await connection.ingest("aio", pa.table({"i": pa.array([3], pa.int32())}), mode="append") == 1
            with pytest.raises(pintail.ProgrammingError):
                await connection.execute("SELEC")

    asyncio.run(main())


def test_transactions_are_awaited(server):
    async def main():
        async with await connect(server, autocommit=False) as connection:
            await connection.execute("CREATE TABLE aio_rolled_back (i INTEGER)")
            await connection.rollback()
            with pytest.raises(pintail.ProgrammingError):
                await connection.execute("SELECT * FROM aio_rolled_back")
            await connection.execute("CREATE OR REPLACE TABLE aio_committed AS SELECT 1 AS i")
            await connection.commit()
            assert not connection.sync.in_transaction
            await connection.set_autocommit(True)
            await connection.begin()
            await connection.executemany("INSERT INTO aio_committed VALUES (?)", [(2,), (3,)])
            await connection.rollback()
            assert await (await connection.execute("SELECT count(*) FROM aio_committed")).fetchall() == [(1,)]

    asyncio.run(main())


def test_options_of_the_session_are_awaited(server):
    async def main():
        async with await connect(server) as connection:
            before = await connection.session_options()
            await connection.set_session_options({"pintail.compression": "lz4", "integer_division": True})
            assert (await connection.session_options())["pintail.compression"] == "lz4"
            assert await (await connection.execute("SELECT 7 / 2")).fetchall() == [(3,)]
            await connection.set_session_options({"pintail.compression": None, "integer_division": None})
            assert await connection.session_options() == before
            with pytest.raises(pintail.ProgrammingError):
                await connection.set_session_options({"pintail.compression": "snappy"})

    asyncio.run(main())


def test_a_connection_runs_one_statement_at_a_time_and_several_run_several(server):
    async def main():
        async with await connect(server) as one, await connect(server) as two:
            async def ask(connection, number):
                return await (await connection.execute("SELECT ?", (number,))).fetchall()

            asked = [ask(connection, number) for number in range(10) for connection in (one, two)]
            assert await asyncio.gather(*asked) == [[(number,)] for number in range(10) for _ in range(2)]

    asyncio.run(main())


def test_a_task_that_is_cancelled_cancels_its_statement(start):
    server = start()

    async def main():
        async with await connect(server) as connection:
            task = asyncio.create_task(connection.execute(ENDLESS))
            await asyncio.to_thread(wait_until, server.busy, "the statement")
            # It may be that nothing can be cancelled yet: then the statement ends when it can be.
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await (await connection.execute("SELECT 42")).fetchall() == [(42,)]
            assert not await asyncio.to_thread(server.busy)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(connection.execute(ENDLESS), 0.5)
            assert await (await connection.execute("SELECT 42")).fetchall() == [(42,)]

    asyncio.run(asyncio.wait_for(main(), DEADLINE))


def test_a_connection_goes_on_after_its_server_is_killed(start):
    server = start(port=free_port())

    async def main():
        async with await connect(server) as connection:
            await connection.execute("SET VARIABLE mine = 1815")
            server.kill()
            server.start()
            assert await (await connection.execute("SELECT getvariable('mine')")).fetchall() == [(1815,)]
            token = await connection.detach()
        async with await pintail.aio.connect(server.uri, token=token) as other:
            assert await (await other.execute("SELECT getvariable('mine')")).fetchall() == [(1815,)]

    asyncio.run(main())


def test_who_can_not_connect_is_told(server):
    with pytest.raises(pintail.AuthenticationError):
        asyncio.run(pintail.aio.connect(server.uri, user=USER, password="wrong"))
