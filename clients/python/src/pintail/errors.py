"""The exceptions of the client: those of DB-API 2.0, and below them what only sessions that move can meet.

Every exception that tells of a server's or a connection's failure has a stable `code`, a `sqlstate` and a `message`.
The codes of the server are listed in its documentation (`docs/errors.md`); the client's own are in `ClientCode`.
"""

from __future__ import annotations

__all__ = [
    "AuthenticationError",
    "ClientCode",
    "CommitUnknownError",
    "DataError",
    "DatabaseError",
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
    "SessionStateWarning",
    "StatementCancelledError",
    "StatementTimeoutError",
    "TransactionLostError",
    "Warning",
    "of_server",
]


class ClientCode:
    """The codes of failures that the client finds out by itself."""

    #: No server could be connected to (SQLSTATE 08001).
    CONNECTION_FAILED = "CONNECTION_FAILED"
    #: The connection to a server ended in the middle of a call (08006).
    CONNECTION_BROKEN = "CONNECTION_BROKEN"
    #: A write may or may not have been applied (08007).
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    #: A result broke off after rows of it had been handed over, and the server can't go on with it (08006).
    RESULT_BROKEN = "RESULT_BROKEN"
    #: The connection or the cursor is closed (08003).
    CLOSED = "CLOSED"
    #: What the application asked for makes no sense (07000).
    USAGE = "USAGE"


class Warning(Exception):  # noqa: A001 - the name is DB-API's
    """DB-API's class for important warnings."""


class SessionStateWarning(UserWarning):
    """Some of the session's state could not be brought along when another node took it over."""


class Error(Exception):
    """What all errors of this package are.

    `message` is the server's or the client's text, `code` a stable name such as ``STATEMENT_FAILED``, and `sqlstate`
    the five characters of SQL's class of the failure. The latter two are None where an error is only about the use of
    this package.
    """

    def __init__(self, message: str, *, code: str | None = None, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.sqlstate = sqlstate

    def __str__(self) -> str:
        named = ", ".join(name for name in (self.code, self.sqlstate) if name)
        return f"{self.message} [{named}]" if named else self.message


class InterfaceError(Error):
    """The package was used in a way that has no meaning, such as a cursor that is closed."""


class DatabaseError(Error):
    """The server or the way to it failed."""


class DataError(DatabaseError):
    """A value is out of its range or can't be converted."""


class OperationalError(DatabaseError):
    """Something failed that is not the statement's fault: the connection, a node, the session store, a limit."""


class IntegrityError(DatabaseError):
    """A constraint of the database is violated."""


class InternalError(DatabaseError):
    """The server itself went wrong."""


class ProgrammingError(DatabaseError):
    """The statement or its parameters are wrong."""


class NotSupportedError(DatabaseError):
    """The server or this client does not do this."""


class AuthenticationError(OperationalError):
    """The user name, the password or the form of the token is wrong."""


class SessionLostError(OperationalError):
    """The session can't be had back: its token is unknown, or it has expired, was closed or can't be rebuilt.

    No other session is begun in its place. Connect again to begin one.
    """


class TransactionLostError(OperationalError):
    """The open transaction was rolled back because its node ended. Call `rollback()`, and run the transaction again."""


class OutcomeUnknownError(OperationalError):
    """A write may or may not have been applied. Look at what it was to change before you run it again."""


class CommitUnknownError(OutcomeUnknownError):
    """A transaction may or may not have been committed. The transaction has ended; the connection can be used."""


class ResultChangedError(OperationalError):
    """A result that broke off can't be continued, because running its statement again gives other rows."""


class StatementCancelledError(OperationalError):
    """The statement was cancelled, or interrupted by the server's own limit of time."""


class StatementTimeoutError(OperationalError):
    """The time that was given for the statement was over."""


_BY_CODE: dict[str, type[Error]] = {
    "CREDENTIALS_MISSING": AuthenticationError,
    "CREDENTIALS_WRONG": AuthenticationError,
    "CREDENTIALS_MALFORMED": AuthenticationError,
    "TOKEN_MALFORMED": SessionLostError,
    "TOKEN_UNKNOWN": SessionLostError,
    "SESSION_EXPIRED": SessionLostError,
    "SESSION_CLOSED": SessionLostError,
    "SESSION_FORBIDDEN": SessionLostError,
    "SESSION_UNRECLAIMABLE": SessionLostError,
    "TRANSACTION_LOST": TransactionLostError,
    "COMMIT_UNKNOWN": CommitUnknownError,
    "RESULT_CHANGED": ResultChangedError,
    "STATEMENT_CANCELLED": StatementCancelledError,
    "DEADLINE_EXCEEDED": StatementTimeoutError,
    "REQUEST_INVALID": ProgrammingError,
    "OPTION_INVALID": ProgrammingError,
    "DATASET_UNREADABLE": OperationalError,
    "RESULT_GONE": OperationalError,
}

# What a SQLSTATE says of the failure by its first two characters.
_BY_CLASS: dict[str, type[Error]] = {
    "07": ProgrammingError,
    "08": OperationalError,
    "0A": NotSupportedError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "24": ProgrammingError,
    "25": ProgrammingError,
    "26": ProgrammingError,
    "28": AuthenticationError,
    "34": ProgrammingError,
    "3D": ProgrammingError,
    "3F": ProgrammingError,
    "40": OperationalError,
    "42": ProgrammingError,
    "53": OperationalError,
    "54": OperationalError,
    "55": OperationalError,
    "57": OperationalError,
    "58": OperationalError,
    "XX": InternalError,
}


def of_server(message: str, code: str, sqlstate: str) -> Error:
    """The exception for what a server told."""
    kind = _BY_CODE.get(code)
    if kind is None and sqlstate == "57014":
        kind = StatementCancelledError
    return (kind or _BY_CLASS.get(sqlstate[:2], DatabaseError))(message, code=code, sqlstate=sqlstate)
