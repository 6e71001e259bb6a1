"""Pintail: SQL whose sessions outlive the node that runs them.

>>> import pintail
>>> connection = pintail.connect("grpc://127.0.0.1:8815", user="pintail", password=password, autocommit=True)
>>> connection.execute("SELECT 6 * 7 AS answer").fetchall()
[(42,)]

The module follows DB-API 2.0 (PEP 249). `pintail.aio` is the same for asyncio.
"""

from .connecting import connect
from .connection import Connection
from .cursor import Cursor
from .dbapi import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    apilevel,
    paramstyle,
    threadsafety,
)
from .errors import (
    AuthenticationError,
    CommitUnknownError,
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    OutcomeUnknownError,
    ProgrammingError,
    ResultChangedError,
    SessionLostError,
    SessionStateWarning,
    StatementCancelledError,
    StatementTimeoutError,
    TransactionLostError,
    Warning,
)
from .session_options import SessionOptions

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "AuthenticationError",
    "Binary",
    "CommitUnknownError",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "OutcomeUnknownError",
    "ProgrammingError",
    "ResultChangedError",
    "SessionLostError",
    "SessionOptions",
    "SessionStateWarning",
    "StatementCancelledError",
    "StatementTimeoutError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "TransactionLostError",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]
