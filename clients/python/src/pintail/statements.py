"""Statements on their way to the server: what is sent for them, and what of it may be sent again."""

from __future__ import annotations

import contextlib
import dataclasses
import uuid
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.flight as flight

from . import messages
from .channel import BatchStream, Channel
from .errors import ClientCode, Error, OperationalError, OutcomeUnknownError, TransactionLostError
from .failure import CallFailed
from .operation import Operation
from .prepared import PreparedStatements
from .resumption import RESUMABLE_HEADER, RESUME_HEADER
from .retry import Budget
from .session import Header, Session
from .sql_text import Kind, kind
from .stream import Item, ResultStream
from .transaction import Transaction

#: The header by which the server knows a write again, and the words by which it says what it can do.
REQUEST_ID = b"x-pintail-request-id"
KNOWS_REQUESTS, RESUMES = "request-id", "resume"

#: How long the server is given to take note that a statement is cancelled, in seconds.
_CANCEL_PATIENCE = 5.0

_NO_ROWS = pa.schema([])


@dataclasses.dataclass
class Outcome:
    """What a statement gave: rows, or how many it changed (-1 where that is not known)."""

    stream: ResultStream | None
    changed: int


def request_header() -> Header:
    """A header that names one write, and all tries of it."""
    return REQUEST_ID, str(uuid.uuid4()).encode()


class Statements:
    """Runs statements in a session."""

    def __init__(self, session: Session, transaction: Transaction) -> None:
        self._session = session
        self._transaction = transaction
        self._prepared = PreparedStatements(session)

    def run(self, sql: str, parameters: pa.Table | None, operation: Operation) -> Outcome:
        """Runs a statement, once for each row of parameters. Rows are waited for up to their first batch."""
        what = kind(sql)
        if what is Kind.READ and parameters is None:
            descriptor = messages.statement_query(sql, self._transaction.id)

            def ask(channel: Channel) -> flight.FlightInfo:
                return channel.info(descriptor, self._session.options(operation))

            return self._rows(lambda: self._session.perform(ask, operation, repeat=True), operation, again=True)
        try:
            return self._run_prepared(sql, what, parameters, operation)
        except Error as error:
            if error.code != "PREPARED_STATEMENT_UNKNOWN":
                raise
            # The server did not run it, having nothing to run.
            self._prepared.forget(sql)
            return self._run_prepared(sql, what, parameters, operation)

    def put(
        self,
        descriptor: flight.FlightDescriptor,
        schema: pa.Schema,
        batches: Callable[[], Iterator[pa.RecordBatch]],
        operation: Operation,
        *,
        repeat: bool = True,
    ) -> int:
        """Sends a write with its rows; how many rows it changed. `repeat` says whether `batches` can be had again."""
        request = request_header()

        def send(channel: Channel) -> bytes:
            return channel.put(descriptor, schema, batches(), self._session.options(operation, request))

        try:
            answer = self._session.perform(send, operation, repeat, writes=True, feature=KNOWS_REQUESTS)
            return messages.read_changed(answer)
        except OutcomeUnknownError:
            self._find_out(operation)
            raise

    def _run_prepared(self, sql: str, what: Kind, parameters: pa.Table | None, operation: Operation) -> Outcome:
        statement = self._prepared.get(sql, self._transaction.id, operation)
        if statement.is_update:
            schema = parameters.schema if parameters is not None else _NO_ROWS
            changed = self.put(
                messages.prepared_update(statement.handle),
                schema,
                lambda: iter(parameters.to_batches() if parameters is not None else ()),
                operation,
            )
            return Outcome(None, changed)
        reads = what is Kind.READ
        headers = [] if reads else [request_header()]
        # A server that knows a write again answers it with the same rows.
        feature = None if reads else KNOWS_REQUESTS

        def ask(channel: Channel) -> flight.FlightInfo:
            return self._ask_prepared(channel, statement.handle, parameters, operation, headers)

        def info() -> flight.FlightInfo:
            try:
                return self._session.perform(ask, operation, repeat=True, writes=not reads, feature=feature)
            except OutcomeUnknownError:
                self._find_out(operation)
                raise

        return self._rows(info, operation, again=reads or KNOWS_REQUESTS in self._session.features)

    def _ask_prepared(
        self,
        channel: Channel,
        handle: bytes,
        parameters: pa.Table | None,
        operation: Operation,
        headers: list[Header],
    ) -> flight.FlightInfo:
        """Binds the parameters, which are on the session's node until it has run with them, and asks for the rows."""
        options = self._session.options(operation, *headers)
        if parameters is None:
            return channel.info(messages.prepared_query(handle), options)
        for last in (False, True):
            batches = iter(parameters.to_batches())
            bound = messages.read_bound(
                channel.put(messages.prepared_query(handle), parameters.schema, batches, options)
            )
            try:
                return channel.info(messages.prepared_query(bound or handle), options)
            except CallFailed as failed:
                # The session was taken over between the two calls: the values were on the node before. Nothing has run.
                if last or failed.error.code != "REQUEST_INVALID":
                    raise
        raise AssertionError("the last try returns or raises")

    def _rows(self, info: Callable[[], flight.FlightInfo], operation: Operation, again: bool) -> Outcome:
        first = info()
        source = _Source(self._session, operation, info if again else None)
        stream = ResultStream(source, first, RESUMES in self._session.features)
        operation.on_cancel = lambda: self._cancel(first, stream)
        stream.start()
        return Outcome(stream, first.total_records)

    def _cancel(self, info: flight.FlightInfo, stream: ResultStream) -> None:
        # Its node may be gone, and what ran on it too. What is left is to read no more.
        with contextlib.suppress(CallFailed):
            self._session.act_beside(messages.cancel(info), _CANCEL_PATIENCE)
        stream.cancel()

    def _find_out(self, operation: Operation) -> None:
        """After a write whose outcome is unknown: what is known all the same is that it is undone with a transaction that
        is lost. Raises `TransactionLostError` then."""
        if not self._transaction.is_open:
            return
        question = messages.statement_query("SELECT 1", self._transaction.id)

        def ask(channel: Channel) -> flight.FlightInfo:
            return channel.info(question, self._session.options(operation))

        try:
            self._session.perform(ask, operation, repeat=True)
        except TransactionLostError:
            raise
        except Error:
            # Nothing was found out.
            return


class _Source:
    """Where the rows of one statement come from."""

    def __init__(
        self, session: Session, operation: Operation, again: Callable[[], flight.FlightInfo] | None
    ) -> None:
        self._session = session
        self._operation = operation
        self._again = again
        self._channel: Channel | None = None
        self.budget: Budget = operation.budget

    def open(self, ticket: flight.Ticket, mark: bytes | None) -> tuple[BatchStream, Item | None]:
        def ask(channel: Channel) -> tuple[BatchStream, Item | None]:
            if mark is not None and RESUMES not in self._session.features:
                raise OperationalError(
                    "the result broke off, and the node that has the session now can't go on with it: run the statement again",
                    code=ClientCode.RESULT_BROKEN,
                    sqlstate="08006",
                )
            headers = [RESUMABLE_HEADER, *([(RESUME_HEADER, mark)] if mark else [])]
            batches = channel.get(ticket, self._session.options(self._operation, *headers))
            self._channel = channel
            return batches, batches.next()

        return self._session.perform(ask, self._operation, repeat=True)

    def broken(self, failed: CallFailed) -> None:
        if self._channel is not None:
            self._session.failed(failed, self._channel, self.budget)
        self._operation.check()

    def run_again(self) -> flight.FlightInfo | None:
        return self._again() if self._again is not None else None

    def finished(self) -> None:
        self._operation.on_cancel = None
