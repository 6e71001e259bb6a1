"""Connections: a session, and what is done with it."""

from __future__ import annotations

import contextlib
import sys
import warnings
import weakref
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TypeVar

import pyarrow as pa

from . import errors, handoff
from .channel import Tls
from .cursor import Cursor
from .errors import ClientCode, Error, InterfaceError, NotSupportedError, SessionStateWarning
from .ingest import ingest
from .operation import Operation
from .progress import Progress, Silent, progress
from .retry import Budget
from .session import Session
from .session_options import SessionOptions
from .sql_text import Kind, kind
from .statements import Outcome, Statements, request_header
from .stream import ResultStream
from .transaction import Transaction
from .worker import Worker, wait

T = TypeVar("T")

#: How long a call that was cancelled is waited for before it is left to itself, in seconds.
_PATIENCE = 5.0

#: For how long it is tried to close a session, in seconds.
_CLOSING = 10.0

#: How long a call is waited for that could not be cancelled, but may be waiting to be tried again, in seconds.
_LOOK = 0.2


class Connection:
    """A session on the server. It outlives the node that it is on, and the connection to that node.

    What `pintail.connect` returns. It may be used by one thread at a time; `cancel` may be called from any. As a context
    manager it closes itself, and rolls back what is not committed.
    """

    # As DB-API suggests: the exceptions, where there is a connection at hand and the module is not.
    Warning = errors.Warning
    Error = errors.Error
    InterfaceError = errors.InterfaceError
    DatabaseError = errors.DatabaseError
    DataError = errors.DataError
    OperationalError = errors.OperationalError
    IntegrityError = errors.IntegrityError
    InternalError = errors.InternalError
    ProgrammingError = errors.ProgrammingError
    NotSupportedError = errors.NotSupportedError

    def __init__(
        self,
        uris: Sequence[str],
        tls: Tls,
        *,
        deadline: float,
        autocommit: bool,
        keepalive: float,
        progress: bool | None,
    ) -> None:
        self._tls = tls
        self._deadline = deadline
        self._autocommit = autocommit
        self._progress = progress
        self._closed = False
        self._session = Session(uris, tls, keepalive)
        self._transaction = Transaction(self._session)
        self._statements = Statements(self._session, self._transaction)
        self._worker = Worker()
        self._operations: weakref.WeakSet[Operation] = weakref.WeakSet()
        self._options = SessionOptions(self._act)

    def __repr__(self) -> str:
        return f"<pintail.Connection to {self._session.uri}{', closed' if self._closed else ''}>"

    def open(self, user: str | None, password: str | None, token: str | None, timeout: float) -> None:
        """Begins a session, or goes on with the one of a token. For `pintail.connect`."""
        budget = Budget(timeout)

        def connect() -> None:
            if token is not None:
                self._session.resume(token, budget)
            else:
                self._session.begin(user or "", password or "", budget)

        try:
            self._wait(connect, Operation(timeout), Silent(), lambda: 0)
        except BaseException:
            self._worker.stop()
            raise

    # What is done with it

    def cursor(self) -> Cursor:
        """A new cursor."""
        self._check()
        return Cursor(self)

    def execute(self, operation: str, parameters: Any = None, **options: Any) -> Cursor:
        """Runs a statement with a new cursor: see `Cursor.execute`."""
        return self.cursor().execute(operation, parameters, **options)

    def executemany(self, operation: str, seq_of_parameters: Any, **options: Any) -> Cursor:
        """Runs a statement for each row of parameters with a new cursor: see `Cursor.executemany`."""
        return self.cursor().executemany(operation, seq_of_parameters, **options)

    def ingest(
        self,
        table: str,
        data: Any,
        *,
        mode: str = "create",
        schema: str | None = None,
        catalog: str | None = None,
        temporary: bool = False,
        timeout: float | None = None,
        progress: bool | None = None,
    ) -> int:
        """Writes rows into a table; how many were written. All of them are, or none.

        `data` is a `pyarrow.Table`, `RecordBatch` or `RecordBatchReader`, a data frame of pandas (without its index) or of
        polars, or anything else that gives a stream of Arrow's (`__arrow_c_stream__`). `mode` is ``create`` (the table must
        not exist), ``append`` (it must), ``replace`` or ``create_append``. Columns are found by their names.

        Raises `ProgrammingError` when the table is or is not there, or when its columns are others.
        """
        return ingest(self, table, data, mode, schema, catalog, temporary, timeout, progress)

    def cancel(self) -> bool:
        """Cancels what the connection runs, from any thread; whether the server could be told of something.

        Queries are cancelled on the server, and raise `StatementCancelledError` where they are waited for. A write that the
        server is running can't be reached by this client: it goes on, unless its `timeout` ends it.
        """
        told = [operation.cancel() for operation in list(self._operations)]
        return any(told)

    # Transactions

    @property
    def autocommit(self) -> bool:
        """Whether each statement is a transaction of its own.

        If not, which is DB-API's rule, the first statement that may change data begins a transaction, which `commit` or
        `rollback` ends. Statements that only read, or set something of the session, begin none.
        """
        return self._autocommit

    @autocommit.setter
    def autocommit(self, on: bool) -> None:
        if on and self._transaction.is_open:
            self.commit()
        self._autocommit = on

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction of this connection is open."""
        return self._transaction.is_open

    def begin(self) -> None:
        """Begins a transaction, also where every statement is one of its own."""
        self._check()
        if self._transaction.is_open:
            raise errors.ProgrammingError("a transaction is open already", sqlstate="25001")
        operation = self.new_operation(None)
        self._wait(lambda: self._transaction.begin(operation), operation, Silent(), lambda: 0)

    def commit(self) -> None:
        """Commits the open transaction, if there is one. It has ended then, also when this raises; but one in which a statement
        was told of its loss stays to be rolled back.

        Raises `TransactionLostError` when it was rolled back because its node ended, and `CommitUnknownError` when nobody
        knows whether it was committed.
        """
        self._check()
        operation = self.new_operation(None)
        request = request_header()
        self._wait(lambda: self._transaction.commit(operation, request), operation, Silent(), lambda: 0)

    def rollback(self) -> None:
        """Rolls the open transaction back, if there is one. One that was lost has been rolled back already."""
        self._check()
        operation = self.new_operation(None)
        self._wait(lambda: self._transaction.roll_back(operation), operation, Silent(), lambda: 0)

    # The session

    @property
    def session_token(self) -> str:
        """What names the session: whoever has it has the session. It can be handed to another process (`connect(token=…)`),
        and to other drivers: see `adbc_options` and `jdbc_url`. The server may replace it."""
        return self._session.token

    @property
    def session_options(self) -> SessionOptions:
        """The options of the session, as a mapping: read from the server and set on it."""
        self._check()
        return self._options

    @property
    def lost(self) -> list[str]:
        """What of the session could not be brought along when other nodes took it over, such as temporary tables."""
        return list(self._session.lost.all)

    @property
    def features(self) -> frozenset[str]:
        """What the server said that it can do beyond Flight SQL: ``request-id`` to apply a write that is sent again once,
        ``resume`` to go on with a result at the batch at which it broke off, ``progress`` to tell how far a statement is."""
        return self._session.features

    @property
    def reattachments(self) -> int:
        """How often the session was brought to a server again after a break."""
        return self._session.reattachments

    def adbc_options(self) -> dict[str, str]:
        """`db_kwargs` with which ADBC's Flight SQL driver goes on with this session. They hold the token.

        Closing ADBC's connection closes the session.
        """
        return handoff.adbc_options(self.session_token, self._tls)

    def jdbc_url(self) -> str:
        """A URL with which the Flight SQL driver of JDBC goes on with this session. It holds the token."""
        return handoff.jdbc_url(self._session.uri, self.session_token, self._tls)

    @property
    def uri(self) -> str:
        """The server that the connection leads to now."""
        return self._session.uri

    @property
    def closed(self) -> bool:
        """Whether it was closed, or detached."""
        return self._closed

    def close(self) -> None:
        """Closes the session on the server, and all that is in it. What is not committed is rolled back.

        Raises `OperationalError` when no server could be told; the session ends by itself then, when nobody has used it for
        as long as the server keeps one.
        """
        if self._closed:
            return
        operation = Operation(min(self._deadline, _CLOSING))
        try:
            self._wait(lambda: self._session.end(operation), operation, Silent(), lambda: 0)
        finally:
            self._closed = True
            self._worker.stop()

    def detach(self) -> str:
        """Closes the connection, and leaves the session on the server; its token, to go on with it.

        The session waits for as long as the server keeps one that nobody uses. A transaction that is open stays open.
        """
        self._check()
        token = self._session.token
        self._session.detach()
        self._closed = True
        self._worker.stop()
        return token

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # What went wrong before is what the application is to know.
        with contextlib.suppress(*([] if kind is None else [errors.Error])):
            self.close()

    # For the other modules of the package

    def new_operation(self, timeout: float | None) -> Operation:
        """Something to be done, which `cancel` knows of."""
        operation = Operation(self._deadline, timeout)
        self._operations.add(operation)
        return operation

    def run_statement(
        self, sql: str, parameters: pa.Table | None, operation: Operation, shown: bool | None
    ) -> Outcome:
        """Runs a statement, in a transaction if it has to be in one."""

        def run() -> Outcome:
            self._begin_for(sql, operation)
            return self._statements.run(sql, parameters, operation)

        return self.call(run, operation, shown)

    def fetch(
        self, stream: ResultStream, take: Callable[[], T], operation: Operation, shown: bool | None
    ) -> T:
        """Takes from a result."""
        return self.call(take, operation, shown, lambda: stream.rows)

    def call(
        self,
        function: Callable[[], T],
        operation: Operation,
        shown: bool | None = False,
        rows: Callable[[], int] = lambda: 0,
    ) -> T:
        """Does what calls the server, where it can be interrupted. Notes what becomes of the transaction."""
        self._check()
        shown = self._progress if shown is None else shown
        try:
            return self._wait(function, operation, progress(shown, self._session.progress), rows)
        except Error as error:
            self._transaction.note(error)
            raise

    @property
    def statements(self) -> Statements:
        """What runs statements."""
        return self._statements

    @property
    def current_transaction(self) -> Transaction:
        """The transaction of the connection, open or not."""
        return self._transaction

    def begin_for_write(self, operation: Operation) -> None:
        """Begins a transaction if what follows has to be in one, and none is open."""
        self._transaction.check()
        if self._autocommit or self._transaction.is_open:
            return
        try:
            self._transaction.begin(operation)
        except NotSupportedError:
            # An engine without transactions: each statement is one, whatever is asked for.
            self._autocommit = True

    def _begin_for(self, sql: str, operation: Operation) -> None:
        self._transaction.check()
        if kind(sql) is Kind.WRITE:
            self.begin_for_write(operation)

    def _act(self, action: Any) -> bytes:
        operation = self.new_operation(None)
        return self.call(
            lambda: self._session.perform(
                lambda channel: channel.act(action, self._session.options(operation)), operation, repeat=True
            ),
            operation,
        )

    def _check(self) -> None:
        if self._closed:
            raise InterfaceError("the connection is closed", code=ClientCode.CLOSED, sqlstate="08003")

    def _wait(
        self, function: Callable[[], T], operation: Operation, shown: Progress, rows: Callable[[], int]
    ) -> T:
        call = self._worker.start(function)
        try:
            wait(call, lambda: shown.update(rows()))
        except BaseException:
            # Ctrl-C, mostly.
            told = operation.cancel()
            if not call.wait(_PATIENCE if told else _LOOK):
                # A write can't be cancelled. It is left to itself, and so is its connection to the server.
                self._worker.stop()
                self._worker = Worker()
                self._session.leave()
            raise
        finally:
            shown.done()
        try:
            value: T = call.result()
        finally:
            self._warn()
        return value

    def _warn(self) -> None:
        for lost in self._session.lost.take_untold():
            message = f"the session was taken over without its {lost}"
            warnings.warn(message, SessionStateWarning, stacklevel=_level_of_the_application())


def _level_of_the_application() -> int:
    """The stack level of a warning, from whoever calls this, that names the application's line."""
    package = __name__.partition(".")[0]
    frame: FrameType | None = sys._getframe(1)
    count = 1
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == package:
        frame, count = frame.f_back, count + 1
    return count
