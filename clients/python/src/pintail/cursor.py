"""Statements and their results, as DB-API and Arrow have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from .errors import ClientCode, InterfaceError, ProgrammingError
from .operation import Operation
from .parameters import as_row, table_of
from .rows import Row, description_of, rows_of
from .stream import ResultStream

if TYPE_CHECKING:
    from .connection import Connection


class Cursor:
    """Runs statements, and holds the result of the last one.

    Rows are had as tuples (`fetchone`, `fetchmany`, `fetchall`, or by iteration), as Arrow (`fetch_arrow_table`,
    `fetch_record_batch`), or as data frames (`fetch_df`, `fetch_polars`); each gives what is left of the result. What is
    fetched at once (`fetchall`, `fetch_arrow_table` and the data frames) survives the loss of the server in the middle, and
    so does everything where the server can resume results.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._closed = False
        self._stream: ResultStream | None = None
        self._operation: Operation | None = None
        self._progress: bool | None = None
        self._rows: Iterator[Row] = iter(())
        self._in_batch: pa.RecordBatch | None = None
        self._taken = 0
        #: How many rows `fetchmany` gives when it is not told.
        self.arraysize = 1
        #: How many rows the last statement changed or has; -1 where that is not known.
        self.rowcount = -1
        #: What the columns of the result are; None when the last statement has no rows.
        self.description: list[Row] | None = None

    @property
    def connection(self) -> Connection:
        """The connection that the cursor is of."""
        return self._connection

    def execute(
        self,
        operation: str,
        parameters: Sequence[Any] | pa.Table | pa.RecordBatch | None = None,
        *,
        timeout: float | None = None,
        progress: bool | None = None,
    ) -> Cursor:
        """Runs a statement; the cursor itself, so that `fetch…` can follow.

        `parameters` are the values for the `?` of the statement, in their order. A table of Arrow's is as many runs as it
        has rows; their results follow one another. `timeout` is how long the statement may take, in seconds, from its start
        to its last row; a write whose time is over may have been applied all the same. `progress` is as in `connect`.

        Raises `ProgrammingError` for a statement that is wrong, `StatementTimeoutError`, `OutcomeUnknownError` when nobody
        knows whether a write has been applied, and what else the server says.
        """
        if not isinstance(operation, str):
            raise ProgrammingError(f"a statement is a text, and not of type {type(operation).__qualname__}")
        self._run(operation, _bound(parameters), timeout, progress)
        return self

    def executemany(
        self,
        operation: str,
        seq_of_parameters: Iterable[Sequence[Any]] | pa.Table | pa.RecordBatch,
        *,
        timeout: float | None = None,
        progress: bool | None = None,
    ) -> Cursor:
        """Runs a statement once for each of the rows, in one request: all of them have effect, or none."""
        if isinstance(seq_of_parameters, pa.Table | pa.RecordBatch):
            rows = _bound(seq_of_parameters)
        else:
            values = [as_row(row) for row in seq_of_parameters]
            if not values:
                self._begin()
                self.rowcount = 0
                return self
            rows = table_of(values)
        self._run(operation, rows, timeout, progress)
        return self

    def fetchone(self) -> Row | None:
        """The next row; None when there is none left."""
        while (row := next(self._rows, None)) is None:
            batch = self._next_batch()
            if batch is None:
                return None
            self._in_batch, self._taken = batch, 0
            self._rows = rows_of(batch)
        self._taken += 1
        return row

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """The next rows, as many as asked for if there are so many left."""
        wanted = self.arraysize if size is None else size
        rows: list[Row] = []
        while len(rows) < wanted and (row := self.fetchone()) is not None:
            rows.append(row)
        return rows

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        rows = list(self._rows)
        self._in_batch = None
        for batch in self._rest().to_batches():
            rows += rows_of(batch)
        return rows

    def __iter__(self) -> Iterator[Row]:
        while (row := self.fetchone()) is not None:
            yield row

    def fetch_arrow_table(self) -> pa.Table:
        """All rows that are left, as a table of Arrow's."""
        begun = self._rest_of_batch()
        table = self._rest()
        return pa.concat_tables([pa.Table.from_batches([begun]), table]) if begun is not None else table

    def fetch_record_batch(self) -> pa.RecordBatchReader:
        """The rows that are left, batch by batch as they come; they are read from the server as they are read here."""
        stream = self._result()
        begun = self._rest_of_batch()

        def batches() -> Iterator[pa.RecordBatch]:
            if begun is not None:
                yield begun
            while self._stream is stream and (batch := self._next_batch()) is not None:
                yield batch

        return pa.RecordBatchReader.from_batches(stream.schema, batches())

    def fetch_df(self, **options: Any) -> Any:
        """All rows that are left, as a `pandas.DataFrame`. `options` go to `pyarrow.Table.to_pandas`."""
        return self.fetch_arrow_table().to_pandas(**options)

    def fetch_polars(self) -> Any:
        """All rows that are left, as a `polars.DataFrame`."""
        try:
            import polars
        except ImportError:
            raise InterfaceError("fetch_polars needs polars, which is not installed") from None
        return polars.from_arrow(self.fetch_arrow_table())

    def setinputsizes(self, sizes: object) -> None:
        """Does nothing: parameters have the sizes they have."""

    def setoutputsize(self, size: object, column: object = None) -> None:
        """Does nothing: columns come whole."""

    def cancel(self) -> bool:
        """Cancels what the cursor runs, from any thread; whether the server could be told. See `Connection.cancel`."""
        operation = self._operation
        return operation.cancel() if operation is not None else False

    def close(self) -> None:
        """Gives the result up. The cursor can't be used any more."""
        self._give_up()
        self._closed = True

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, sql: str, rows: pa.Table | None, timeout: float | None, progress: bool | None) -> None:
        self._begin()
        self._progress = progress
        operation = self._operation = self._connection.new_operation(timeout)
        outcome = self._connection.run_statement(sql, rows, operation, progress)
        self.rowcount = outcome.changed
        self._stream = outcome.stream
        if outcome.stream is not None:
            self.description = description_of(outcome.stream.schema)

    def _begin(self) -> None:
        if self._closed:
            raise InterfaceError("the cursor is closed", code=ClientCode.CLOSED, sqlstate="24000")
        self._give_up()
        self.rowcount, self.description = -1, None

    def _give_up(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._in_batch, self._rows = None, None, iter(())

    def _result(self) -> ResultStream:
        if self._closed:
            raise InterfaceError("the cursor is closed", code=ClientCode.CLOSED, sqlstate="24000")
        if self._stream is None:
            raise ProgrammingError("there is no result: no statement was run, or the last one has no rows")
        return self._stream

    def _rest_of_batch(self) -> pa.RecordBatch | None:
        """What `fetchone` has left of the batch it is in."""
        batch, taken = self._in_batch, self._taken
        self._in_batch, self._rows = None, iter(())
        return batch.slice(taken) if batch is not None and taken < batch.num_rows else None

    def _next_batch(self) -> pa.RecordBatch | None:
        stream, operation = self._result(), self._operation
        assert operation is not None
        return self._connection.fetch(stream, stream.next_batch, operation, False)

    def _rest(self) -> pa.Table:
        stream, operation = self._result(), self._operation
        assert operation is not None
        return self._connection.fetch(stream, stream.read_all, operation, self._progress)


def _bound(parameters: object) -> pa.Table | None:
    if parameters is None:
        return None
    if isinstance(parameters, pa.Table):
        return parameters
    if isinstance(parameters, pa.RecordBatch):
        return pa.Table.from_batches([parameters])
    row = as_row(parameters)
    # No values are none that are bound: a statement without parameters takes them so.
    return table_of([row]) if row else None
