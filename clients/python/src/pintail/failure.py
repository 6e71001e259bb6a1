"""What a failed call says of what it did: whether it may be made again, and where."""

from __future__ import annotations

import dataclasses
import enum
import re

import pyarrow as pa
import pyarrow.flight as flight

from .errors import (
    AuthenticationError,
    ClientCode,
    DatabaseError,
    Error,
    InternalError,
    OperationalError,
    StatementCancelledError,
    StatementTimeoutError,
    of_server,
)


class Effect(enum.Enum):
    """What a call that failed may have done."""

    #: Nothing, and another try may succeed.
    NONE = "none"
    #: Nobody knows: its answer was lost.
    UNKNOWN = "unknown"
    #: The server has answered with the error; another try would be answered alike.
    FINAL = "final"


@dataclasses.dataclass
class Answer:
    """What the headers and trailers of a call's answer said."""

    code: str | None = None
    sqlstate: str | None = None


class CallFailed(Exception):
    """A call failed; not seen by applications, which get the `error`."""

    def __init__(self, error: Error, effect: Effect, elsewhere: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.effect = effect
        #: Whether another try should go to another server, or to the same by another connection.
        self.elsewhere = elsewhere


# What the node that answers has not begun, and another try may: by code, with whether to try elsewhere.
_NOT_APPLIED = {
    "SESSION_MOVED": False,
    "STORE_UNAVAILABLE": False,
    "LAKE_UNAVAILABLE": False,
    "PEER_UNREACHABLE": True,
    "NO_NODE": True,
    "DRAINING": True,
}

# What may have been applied, or was, and is not to be sent again as if it were new.
_MAY_BE_APPLIED = ("PEER_LOST", "STATE_UNSAVED", "ENGINE_UNAVAILABLE")

# How gRPC says that it could not reach a server, so that nothing was sent.
_NOT_SENT = re.compile(r"failed to connect to all addresses|connection refused|dns resolution failed", re.IGNORECASE)

_PREFIX = re.compile(r"^.*?, with message: ", re.DOTALL)
_CONTEXT = re.compile(r"\. (gRPC client debug context|Client context): .*$", re.DOTALL)
_SQLSTATE = re.compile(r"^\[([0-9A-Z]{5})\] ")


def of_call(error: BaseException, answer: Answer) -> CallFailed:
    """What a failure of pyarrow's means. `answer` is what came with it."""
    message = _text(error)
    if answer.code is not None:
        return _told(message, answer.code, answer.sqlstate or "XX000")
    if isinstance(error, flight.FlightTimedOutError):
        timeout = StatementTimeoutError(
            "the time that was given for the statement is over", code="DEADLINE_EXCEEDED", sqlstate="57014"
        )
        return CallFailed(timeout, Effect.FINAL, elsewhere=False)
    if isinstance(error, flight.FlightCancelledError):
        cancelled = StatementCancelledError(
            "the statement was cancelled", code="STATEMENT_CANCELLED", sqlstate="57014"
        )
        return CallFailed(cancelled, Effect.FINAL, elsewhere=False)
    if isinstance(error, flight.FlightUnauthenticatedError | flight.FlightUnauthorizedError):
        refused = AuthenticationError(message, code="CREDENTIALS_WRONG", sqlstate="28000")
        return CallFailed(refused, Effect.FINAL, elsewhere=False)
    if isinstance(error, flight.FlightUnavailableError) and _NOT_SENT.search(message):
        unreached = OperationalError(
            message, code=ClientCode.CONNECTION_FAILED, sqlstate="08001"
        )
        return CallFailed(unreached, Effect.NONE, elsewhere=True)
    # Between a server that dies and what the client sees stand gRPC, Arrow's reader of streams and load balancers, and each
    # has its own way to say that the connection ended.
    if isinstance(error, flight.FlightUnavailableError | flight.FlightInternalError | OSError):
        broken = OperationalError(
            f"the connection ended in the middle of a call: {message}",
            code=ClientCode.CONNECTION_BROKEN,
            sqlstate="08006",
        )
        return CallFailed(broken, Effect.UNKNOWN, elsewhere=True)
    if isinstance(error, pa.ArrowException):
        return CallFailed(DatabaseError(message, sqlstate="XX000"), Effect.FINAL, elsewhere=False)
    return CallFailed(InternalError(message, sqlstate="XX000"), Effect.FINAL, elsewhere=False)


def _told(message: str, code: str, sqlstate: str) -> CallFailed:
    error = of_server(message, code, sqlstate)
    if code in _NOT_APPLIED:
        return CallFailed(error, Effect.NONE, _NOT_APPLIED[code])
    if code in _MAY_BE_APPLIED:
        return CallFailed(error, Effect.UNKNOWN, elsewhere=False)
    return CallFailed(error, Effect.FINAL, elsewhere=False)


def _text(error: BaseException) -> str:
    """The message without what pyarrow and gRPC put around it, and without the SQLSTATE that stands beside it anyway."""
    # A KeyError shows its message in quotes.
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return _SQLSTATE.sub("", _CONTEXT.sub("", _PREFIX.sub("", text, count=1)))
