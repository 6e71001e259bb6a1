"""The same client for asyncio.

pyarrow's client blocks, so that each call is made on a thread, of which each connection has one: a connection runs one
statement at a time, and calls that come meanwhile wait for their turn. Several statements at a time take several
connections. A task that is cancelled cancels its statement.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa

from .connecting import connect as _connect
from .connection import Connection
from .cursor import Cursor
from .messages import OptionValue
from .rows import Row

T = TypeVar("T")


async def connect(*arguments: Any, **options: Any) -> AsyncConnection:
    """Connects as `pintail.connect` does, with the same arguments."""
    thread = ThreadPoolExecutor(1, "pintail-aio")
    try:
        call = functools.partial(_connect, *arguments, **options)
        connection = await asyncio.get_running_loop().run_in_executor(thread, call)
    except BaseException:
        thread.shutdown(wait=False)
        raise
    return AsyncConnection(connection, thread)


class AsyncConnection:
    """A `pintail.Connection` whose calls are awaited."""

    def __init__(self, connection: Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self._turn = asyncio.Lock()

    @property
    def sync(self) -> Connection:
        """The connection itself: for what does not call the server, such as `session_token` and `lost`."""
        return self._connection

    def cursor(self) -> AsyncCursor:
        """A new cursor."""
        return AsyncCursor(self, self._connection.cursor())

    async def execute(self, operation: str, parameters: Any = None, **options: Any) -> AsyncCursor:
        """Runs a statement with a new cursor."""
        return await self.cursor().execute(operation, parameters, **options)

    async def executemany(self, operation: str, rows: Iterable[Sequence[Any]] | pa.Table, **options: Any) -> AsyncCursor:
        """Runs a statement once for each row of parameters, with a new cursor."""
        return await self.cursor().executemany(operation, rows, **options)

    async def ingest(self, table: str, data: Any, **options: Any) -> int:
        """Writes rows into a table: see `pintail.Connection.ingest`."""
        return await self.run(functools.partial(self._connection.ingest, table, data, **options))

    async def set_autocommit(self, on: bool) -> None:
        """Whether each statement is a transaction of its own from now on; commits the open one if it is."""
        await self.run(functools.partial(setattr, self._connection, "autocommit", on))

    async def begin(self) -> None:
        """Begins a transaction, also where every statement is one of its own."""
        await self.run(self._connection.begin)

    async def commit(self) -> None:
        """Commits the open transaction, if there is one."""
        await self.run(self._connection.commit)

    async def rollback(self) -> None:
        """Rolls the open transaction back, if there is one."""
        await self.run(self._connection.rollback)

    async def session_options(self) -> dict[str, OptionValue]:
        """The options of the session."""
        return await self.run(lambda: dict(self._connection.session_options))

    async def set_session_options(self, values: Mapping[str, OptionValue]) -> None:
        """Sets options of the session; None puts one back to its default."""
        await self.run(lambda: self._connection.session_options.set(values))

    def cancel(self) -> bool:
        """Cancels what the connection runs. It does not wait its turn."""
        return self._connection.cancel()

    async def detach(self) -> str:
        """Closes the connection, and leaves the session on the server; its token."""
        token = await self.run(self._connection.detach)
        self._thread.shutdown(wait=False)
        return token

    async def close(self) -> None:
        """Closes the session and the connection."""
        if self._connection.closed:
            return
        await self.run(self._connection.close)
        self._thread.shutdown(wait=False)

    async def __aenter__(self) -> AsyncConnection:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run(self, call: Callable[[], T]) -> T:
        """Makes a call of the connection when it is its turn."""
        async with self._turn:
            running = asyncio.get_running_loop().run_in_executor(self._thread, call)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                await asyncio.to_thread(self._connection.cancel)
                # The turn is over when the call is, whatever it says of being cancelled.
                await asyncio.wait([running])
                running.exception()
                raise


class AsyncCursor:
    """A `pintail.Cursor` whose calls are awaited."""

    def __init__(self, connection: AsyncConnection, cursor: Cursor) -> None:
        self._connection = connection
        self._cursor = cursor

    @property
    def description(self) -> list[Row] | None:
        """What the columns of the result are."""
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed or has; -1 where that is not known."""
        return self._cursor.rowcount

    async def execute(
        self, operation: str, parameters: Sequence[Any] | pa.Table | None = None, **options: Any
    ) -> AsyncCursor:
        """Runs a statement: see `pintail.Cursor.execute`."""
        await self._run(functools.partial(self._cursor.execute, operation, parameters, **options))
        return self

    async def executemany(self, operation: str, rows: Iterable[Sequence[Any]] | pa.Table, **options: Any) -> AsyncCursor:
        """Runs a statement once for each row of parameters: see `pintail.Cursor.executemany`."""
        await self._run(functools.partial(self._cursor.executemany, operation, rows, **options))
        return self

    async def fetchone(self) -> Row | None:
        """The next row; None when there is none left."""
        return await self._run(self._cursor.fetchone)

    async def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next rows."""
        return await self._run(functools.partial(self._cursor.fetchmany, size))

    async def fetchall(self) -> list[Row]:
        """All rows that are left."""
        return await self._run(self._cursor.fetchall)

    async def fetch_arrow_table(self) -> pa.Table:
        """All rows that are left, as a table of Arrow's."""
        return await self._run(self._cursor.fetch_arrow_table)

    async def fetch_df(self, **options: Any) -> Any:
        """All rows that are left, as a `pandas.DataFrame`."""
        return await self._run(functools.partial(self._cursor.fetch_df, **options))

    async def fetch_polars(self) -> Any:
        """All rows that are left, as a `polars.DataFrame`."""
        return await self._run(self._cursor.fetch_polars)

    async def fetch_record_batches(self) -> AsyncIterator[pa.RecordBatch]:
        """The batches that are left, as they come."""
        reader = await self._run(self._cursor.fetch_record_batch)
        while (batch := await self._run(functools.partial(next, reader, None))) is not None:
            yield batch

    async def __aiter__(self) -> AsyncIterator[Row]:
        while (row := await self.fetchone()) is not None:
            yield row

    async def close(self) -> None:
        """Gives the result up."""
        await self._run(self._cursor.close)

    async def __aenter__(self) -> AsyncCursor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, call: Callable[[], T]) -> T:
        return await self._connection.run(call)
