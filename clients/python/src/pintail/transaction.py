"""The transaction of a connection."""

from __future__ import annotations

import contextlib

from . import messages
from .channel import Channel
from .errors import (
    CommitUnknownError,
    Error,
    NotSupportedError,
    OutcomeUnknownError,
    ProgrammingError,
    TransactionLostError,
)
from .operation import Operation
from .session import Header, Session


class Transaction:
    """The transaction that is open, if one is.

    Once it is lost, or something in it has an outcome that nobody knows, everything is refused until it is rolled back, so
    that no half of it is taken for a whole.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._id: bytes | None = None
        self._failed: Error | None = None

    @property
    def id(self) -> bytes | None:
        """By what the server knows it."""
        return self._id

    @property
    def is_open(self) -> bool:
        """Whether there is one to be ended."""
        return self._id is not None

    def check(self) -> None:
        """Raises what made the transaction one that can only be rolled back."""
        if self._failed is not None:
            raise type(self._failed)(self._failed.message, code=self._failed.code, sqlstate=self._failed.sqlstate)

    def begin(self, operation: Operation) -> None:
        """Begins one. A server without transactions raises `NotSupportedError`."""
        # Of two that were begun, one by a call whose answer was lost, the first is ended by the second or by its session.
        body = self._session.perform(
            lambda channel: channel.act(messages.begin(), self._session.options(operation)), operation, repeat=True
        )
        self._id = messages.read_transaction(body)
        self._failed = None
        if not self._id:
            self._id = None
            raise NotSupportedError("the server began no transaction", code="NOT_IMPLEMENTED", sqlstate="0A000")

    def note(self, error: Error) -> None:
        """A statement in it failed."""
        if self.is_open and isinstance(error, TransactionLostError | OutcomeUnknownError):
            self._failed = error

    def spoil(self, why: str) -> None:
        """Something of it must not be committed."""
        if self.is_open and self._failed is None:
            self._failed = ProgrammingError(f"{why}; roll it back", sqlstate="25P02")

    def commit(self, operation: Operation, request: Header) -> None:
        """Commits it. It has ended when this returns, and also when this raises; but one that can only be rolled back is left
        to be.

        A commit names its transaction, and there is no other of that name. So it can be asked for again without doing it
        twice, and the server's answer tells what has become of it, where it knows.
        """
        self.check()
        transaction, self._id = self._id, None
        if transaction is None:
            return
        tries = 0

        def end(channel: Channel) -> bytes:
            nonlocal tries
            tries += 1
            return channel.act(messages.end(transaction, messages.COMMIT), self._session.options(operation, request))

        try:
            self._session.perform(end, operation, repeat=True, writes=True)
        except Error as error:
            ended_before = error.code == "TRANSACTION_UNKNOWN" and tries > 1
            if ended_before or isinstance(error, OutcomeUnknownError):
                raise CommitUnknownError(
                    "the transaction has ended, and the answer that would have said how was lost",
                    code="COMMIT_UNKNOWN",
                    sqlstate="08007",
                ) from error
            raise

    def roll_back(self, operation: Operation) -> None:
        """Rolls it back; one that was lost has been."""
        transaction, self._id, self._failed = self._id, None, None
        if transaction is None:
            return
        action = messages.end(transaction, messages.ROLL_BACK)
        with contextlib.suppress(TransactionLostError):
            self._session.perform(
                lambda channel: channel.act(action, self._session.options(operation)), operation, repeat=True
            )
