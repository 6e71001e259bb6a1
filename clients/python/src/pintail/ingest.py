"""Rows of the application's that become rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import messages
from .errors import NotSupportedError, ProgrammingError
from .messages import IngestTarget
from .operation import Operation
from .statements import request_header

if TYPE_CHECKING:
    from .connection import Connection

#: The most rows that are sent in a message: a message is held in memory at both ends.
_ROWS_A_BATCH = 65_536


def ingest(
    connection: Connection,
    table: str,
    data: Any,
    mode: str,
    schema: str | None,
    catalog: str | None,
    temporary: bool,
    timeout: float | None,
    progress: bool | None,
) -> int:
    """See `Connection.ingest`."""
    if not table:
        raise ProgrammingError("an ingest needs the name of a table")
    target = messages.ingest(IngestTarget(table, mode, schema, catalog, temporary))
    source = _arrow(data)
    operation = connection.new_operation(timeout)
    sent = _Sent()

    def write() -> int:
        connection.begin_for_write(operation)
        if isinstance(source, pa.Table):
            batches = source.to_batches(_ROWS_A_BATCH)
            return connection.statements.put(
                target,
                source.schema,
                lambda: sent.counted(iter(batches or _no_rows(source.schema))),
                operation,
            )
        return _from_reader(connection, target, source, operation, sent)

    changed = connection.call(write, operation, progress, lambda: sent.rows)
    return sent.rows if changed < 0 else changed


class _Sent:
    """Counts the rows that were sent."""

    def __init__(self) -> None:
        self.rows = 0

    def counted(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        self.rows = 0
        for batch in batches:
            self.rows += batch.num_rows
            yield batch


def _from_reader(
    connection: Connection, target: Any, reader: pa.RecordBatchReader, operation: Operation, sent: _Sent
) -> int:
    """Rows that can be read once only. A stream of them that ends early looks to the server like one that is whole, so that
    it is sent in a transaction, which is rolled back when the reader fails."""

    def put(batches: Iterator[pa.RecordBatch]) -> int:
        return connection.statements.put(
            target, reader.schema, lambda: sent.counted(batches), operation, repeat=False
        )

    transaction = connection.current_transaction
    if transaction.is_open:
        try:
            return put(iter(reader))
        except BaseException as error:
            transaction.spoil(f"a part of the rows of an ingest that failed may be in the transaction: {error}")
            raise
    try:
        transaction.begin(operation)
    except NotSupportedError:
        # All rows are had before the first is sent.
        return put(iter(reader.read_all().to_batches(_ROWS_A_BATCH) or _no_rows(reader.schema)))
    try:
        changed = put(iter(reader))
    except BaseException:
        # The operation may have been cancelled, or have no time left.
        transaction.roll_back(connection.new_operation(None))
        raise
    transaction.commit(operation, request_header())
    return changed


def _arrow(data: Any) -> pa.Table | pa.RecordBatchReader:
    """Whatever it is, as Arrow's."""
    if isinstance(data, pa.Table | pa.RecordBatchReader):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    kind = type(data).__module__.partition(".")[0]
    if kind == "pandas" and type(data).__name__ == "DataFrame":
        return pa.Table.from_pandas(data, preserve_index=False)
    if kind == "polars" and type(data).__name__ == "DataFrame":
        return data.to_arrow()
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    raise ProgrammingError(
        f"rows can't be had from a {type(data).__qualname__}: give a table or reader of pyarrow's, a data frame of pandas or "
        "polars, or anything that gives a stream of Arrow's"
    )


def _no_rows(schema: pa.Schema) -> list[pa.RecordBatch]:
    """One batch without rows, since an upload without any message is no table for the server."""
    return [pa.RecordBatch.from_pylist([], schema=schema)]
