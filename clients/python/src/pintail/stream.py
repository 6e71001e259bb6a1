"""The rows of a result, over as many connections as it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol

import pyarrow as pa
import pyarrow.flight as flight

from .errors import ClientCode, Error, OperationalError, ResultChangedError
from .failure import CallFailed, Effect
from .resumption import GoOn, Position
from .retry import Budget

Item = tuple[pa.RecordBatch, bytes | None]

#: What a server says of a ticket whose result it does not have.
_GONE = ("RESULT_GONE", "TICKET_EXPIRED")


class Batches(Protocol):
    """The answer to a ticket: the batches of one connection."""

    def next(self) -> Item | None:
        """The next batch and its metadata; None at the end."""

    def cancel(self) -> None:
        """Tells the server that nobody reads on."""


class Source(Protocol):
    """Where results come from."""

    budget: Budget

    def open(self, ticket: flight.Ticket, mark: bytes | None) -> tuple[Batches, Item | None]:
        """Asks for the rows of a ticket, of what follows `mark` if there is one, and waits for the first batch."""

    def broken(self, failed: CallFailed) -> None:
        """Notes that the last connection that was opened is broken."""

    def run_again(self) -> flight.FlightInfo | None:
        """Runs the statement again; None when it may not be."""

    def finished(self) -> None:
        """Notes that nothing more is asked for, so that there is nothing to be cancelled."""


class ResultStream:
    """The batches of a result, in order."""

    def __init__(self, source: Source, info: flight.FlightInfo, can_resume: bool) -> None:
        self._source = source
        self._info = info
        self._position = Position(can_resume)
        self._batches: Batches | None = None
        self._first: Item | None = None
        self._has_first = False
        self._failed: Error | None = None
        self.schema: pa.Schema = info.schema
        #: Rows that have come from the server.
        self.rows = 0

    def start(self) -> None:
        """Waits for the first batch, so that what fails at once fails here."""
        with self._noting_failure():
            while self._batches is None and self._position.endpoint < len(self._info.endpoints):
                self._open(None)

    def next_batch(self) -> pa.RecordBatch | None:
        """The next batch, for the application; None at the end."""
        batch = self._taken(_nothing)
        if batch is not None:
            self._position.handed += 1
        return batch

    def read_all(self) -> pa.Table:
        """All batches that are left. The application gets them at the end, so that a break costs none of them."""
        gathered: list[pa.RecordBatch] = []
        while (batch := self._taken(gathered.clear)) is not None:
            gathered.append(batch)
        self._position.handed += len(gathered)
        return pa.Table.from_batches(gathered, self.schema)

    def cancel(self) -> None:
        """Tells the server that nobody reads on."""
        if self._batches is not None:
            self._batches.cancel()

    def close(self) -> None:
        """Gives up what has not been read."""
        self.cancel()
        self._batches = None
        self._position.endpoint = len(self._info.endpoints)
        self._source.finished()

    def _taken(self, begin_again: Callable[[], None]) -> pa.RecordBatch | None:
        """The next batch. A result that has failed has failed for good: asking for more of it must not begin it again."""
        if self._failed is not None:
            raise self._failed
        with self._noting_failure():
            batch = self._take(begin_again)
        if batch is None:
            self._source.finished()
        return batch

    @contextlib.contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except Error as error:
            self._failed = error
            self._source.finished()
            raise

    def _take(self, begin_again: Callable[[], None]) -> pa.RecordBatch | None:
        """The next batch. `begin_again` is called when the result begins again, with the first batch next."""
        while self._position.endpoint < len(self._info.endpoints):
            try:
                if self._batches is None:
                    self._open(begin_again)
                    continue
                item = self._item()
            except CallFailed as failed:
                self._go_on_after(failed, begin_again)
                continue
            if item is None:
                self._batches = None
                self._position.next_endpoint()
                continue
            batch, metadata = item
            if batch is None:
                continue
            if not self._position.batch(metadata):
                raise ResultChangedError(
                    "the server went on with the result at another batch than the one that follows",
                    code="RESULT_CHANGED",
                    sqlstate="40001",
                )
            if self._position.mark is not None:
                # What goes on at the exact batch has got further; what begins again may not have.
                self._source.budget.renew()
            self.rows += batch.num_rows
            return batch
        return None

    def _item(self) -> Item | None:
        if self._has_first:
            self._has_first = False
            first, self._first = self._first, None
            return first
        assert self._batches is not None
        return self._batches.next()

    def _open(self, begin_again: Callable[[], None] | None) -> None:
        """Opens the current endpoint, at the beginning or behind what has come of it."""
        ticket = self._info.endpoints[self._position.endpoint].ticket
        try:
            self._batches, self._first = self._source.open(ticket, self._position.mark)
        except Error as error:
            if error.code not in _GONE or self._position.without_result() is GoOn.GIVE_UP:
                raise
            info = self._source.run_again()
            if info is None:
                raise
            self._begin(info, begin_again)
            return
        self._has_first = True

    def _go_on_after(self, failed: CallFailed, begin_again: Callable[[], None]) -> None:
        self._batches = None
        self._source.broken(failed)
        if failed.effect is Effect.FINAL:
            raise failed.error
        how = self._position.go_on()
        if how is GoOn.GIVE_UP:
            raise OperationalError(
                f"the result broke off after {self.rows} rows, which the application has, and the server can't go on "
                f"with it: run the statement again ({failed.error.message})",
                code=ClientCode.RESULT_BROKEN,
                sqlstate="08006",
            )
        if how is GoOn.FROM_THE_BEGINNING:
            self._begin(self._info, begin_again)

    def _begin(self, info: flight.FlightInfo, begin_again: Callable[[], None] | None) -> None:
        if info.schema != self.schema:
            raise ResultChangedError(
                "the statement was run again after a break, and its columns are others now",
                code="RESULT_CHANGED",
                sqlstate="40001",
            )
        self._info = info
        self._position.restart()
        self.rows = 0
        if begin_again is not None:
            begin_again()


def _nothing() -> None:
    pass
