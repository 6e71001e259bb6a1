"""A session on the server, and the connection that leads to it at the moment.

The session is named by a token, which any node of the cluster takes. When the connection breaks, the token is presented to
the next URI, and what failed is tried again if that can't do harm. Another session is never begun in its place.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import pyarrow.flight as flight

from . import messages
from .channel import FEATURES, LOST, TOKEN, Channel, Tls
from .errors import (
    ClientCode,
    Error,
    InterfaceError,
    OperationalError,
    OutcomeUnknownError,
    SessionLostError,
    StatementTimeoutError,
)
from .failure import CallFailed, Effect
from .lost import LostSoFar
from .operation import Operation
from .retry import Budget

T = TypeVar("T")
Header = tuple[bytes, bytes]

_BEARER = "Bearer "

#: The word by which a server says that it tells how far a statement is, and how long it may take for that, in seconds.
_TELLS_PROGRESS, _PROGRESS_PATIENCE = "progress", 2.0

#: How long a server is given to take the session, in seconds. It may have to wait for the lease of the node that had it; one
#: that is frozen does not keep the client from asking another.
_HANDSHAKE_PATIENCE = 15.0


class Session:
    """The session of a connection."""

    def __init__(self, uris: Sequence[str], tls: Tls, keepalive: float) -> None:
        self._uris = uris
        self._tls = tls
        self._keepalive = keepalive
        self._at = 0
        self._channel: Channel | None = None
        self._token: str | None = None
        self._ended: Error | None = None
        #: What the server says it can do beyond Flight SQL.
        self.features: frozenset[str] = frozenset()
        #: What takeovers could not bring along.
        self.lost = LostSoFar()
        #: How often the session was brought to a server after a break.
        self.reattachments = 0

    def __repr__(self) -> str:
        return f"<pintail session at {self._uris[self._at]}>"

    @property
    def token(self) -> str:
        """The token that names the session, now."""
        if self._token is None:
            raise InterfaceError("the connection has no session")
        return self._token

    @property
    def uri(self) -> str:
        """Where the connection leads now, or is tried next."""
        return self._uris[self._at]

    def begin(self, user: str, password: str, budget: Budget) -> None:
        """Begins a session on the server."""
        credentials = base64.b64encode(f"{user}:{password}".encode())
        self._connect(budget, [(b"authorization", b"Basic " + credentials)])
        if self._token is None:
            raise OperationalError(
                "the server has taken the credentials and given no token; is it a Pintail server?",
                code=ClientCode.CONNECTION_FAILED,
                sqlstate="08001",
            )

    def resume(self, token: str, budget: Budget) -> None:
        """Goes on with the session that a token names."""
        self._token = token
        self._connect(budget, self._bearer())

    def perform(
        self,
        work: Callable[[Channel], T],
        operation: Operation,
        repeat: bool,
        *,
        writes: bool = False,
        feature: str | None = None,
    ) -> T:
        """Does what calls the server, again after failures that another try may mend.

        `repeat` says whether it may be done again when nobody knows whether it has been done, and `feature` what the server
        has to be able to do for that. When that remains unknown of what `writes`, `OutcomeUnknownError` is raised.
        """
        unknown: Error | None = None
        while True:
            try:
                operation.check()
                channel = self._attached(operation.budget)
            except Error as error:
                if unknown is not None:
                    raise _outcome_unknown(unknown) from error
                # It may have been cancelled while a connection was waited for.
                operation.check()
                raise
            # The node that has the session now may be of another version.
            if unknown is not None and not self._can(feature):
                raise _outcome_unknown(unknown)
            try:
                done = work(channel)
            except CallFailed as failed:
                self.failed(failed, channel, operation.budget)
                if failed.effect is Effect.FINAL and unknown is not None and self._ended is not None:
                    raise _outcome_unknown(unknown) from None
                if failed.effect is Effect.FINAL:
                    raise failed.error from None
                if writes and failed.effect is Effect.UNKNOWN:
                    unknown = failed.error
                    if not repeat or not self._can(feature):
                        raise _outcome_unknown(unknown) from None
                if not operation.budget.pause():
                    if unknown is None:
                        operation.check()
                    raise (failed.error if unknown is None else _outcome_unknown(unknown)) from None
            else:
                operation.budget.settle()
                return done

    def _can(self, feature: str | None) -> bool:
        return feature is None or feature in self.features

    def failed(self, failed: CallFailed, channel: Channel, budget: Budget) -> None:
        """Takes note that a call on a channel has failed: the next one goes elsewhere, if that may help."""
        if isinstance(failed.error, SessionLostError):
            self._ended = failed.error
        # A server that answers can be asked again, once the session has been moved about enough.
        broken = failed.error.code in (ClientCode.CONNECTION_BROKEN, ClientCode.CONNECTION_FAILED)
        if failed.elsewhere and channel is self._channel and (broken or budget.may_reattach):
            self.leave()

    def leave(self) -> None:
        """Gives the connection up, and not the session. The next call makes another, to the next URI."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
            self._at = (self._at + 1) % len(self._uris)

    def options(self, operation: Operation, *headers: Header) -> flight.FlightCallOptions:
        """What goes with a call of the session."""
        return flight.FlightCallOptions(timeout=operation.seconds_left(), headers=[*self._bearer(), *headers])

    def act_beside(self, action: flight.Action, seconds: float) -> bytes:
        """Does an action once, on the connection as it is, whatever else is under way on it; nothing when there is none."""
        channel = self._channel
        if channel is None:
            return b""
        return channel.act(action, flight.FlightCallOptions(timeout=seconds, headers=self._bearer()))

    def progress(self) -> float | None:
        """How much of what runs is done, from 0 to 1, whatever else is under way; None where the server can't tell."""
        if _TELLS_PROGRESS not in self.features:
            return None
        try:
            return messages.read_progress(self.act_beside(messages.progress(), _PROGRESS_PATIENCE))
        except (CallFailed, Error):
            # What it would be told of will say itself what is wrong.
            return None

    def end(self, operation: Operation) -> None:
        """Ends the session on the server, and the connection."""
        def close(channel: Channel) -> bytes:
            return channel.act(messages.close_session(), self.options(operation))

        try:
            # One that has ended has, as was asked for: by somebody else, or by an answer that was lost.
            with contextlib.suppress(SessionLostError):
                if self._ended is None:
                    self.perform(close, operation, repeat=True)
        finally:
            self.detach()

    def detach(self) -> None:
        """Ends the connection, and leaves the session on the server."""
        self._ended = self._ended or InterfaceError("the connection is closed", code=ClientCode.CLOSED, sqlstate="08003")
        self.leave()

    def _bearer(self) -> list[Header]:
        return [(b"authorization", f"{_BEARER}{self.token}".encode())]

    def _attached(self, budget: Budget) -> Channel:
        """The channel, made again if it was given up."""
        if self._ended is not None:
            raise self._ended
        if self._channel is not None:
            return self._channel
        if not budget.may_reattach:
            raise OperationalError(
                "the connection broke again after every time it was made anew",
                code=ClientCode.CONNECTION_BROKEN,
                sqlstate="08006",
            )
        channel = self._connect(budget, self._bearer())
        budget.reattached()
        self.reattachments += 1
        return channel

    def _connect(self, budget: Budget, credentials: list[Header]) -> Channel:
        """A channel to the first URI, from the current one on, where the credentials are taken."""
        tried = 0
        while True:
            channel = Channel(self._uris[self._at], self._tls, self._keepalive, self._hear)
            self.features = frozenset()
            patience = max(min(budget.left, _HANDSHAKE_PATIENCE), 0.1)
            try:
                channel.handshake(flight.FlightCallOptions(timeout=patience, headers=credentials))
            except CallFailed as failed:
                channel.close()
                error = _of_handshake(failed.error, channel.uri)
                if failed.effect is Effect.FINAL and error is failed.error:
                    if isinstance(error, SessionLostError):
                        self._ended = error
                    raise error from None
                tried += 1
                self._at = (self._at + 1) % len(self._uris)
                # All URIs are tried before there is a pause.
                if tried % len(self._uris) == 0 and not budget.pause():
                    raise error from None
                continue
            self._channel = channel
            return channel

    def _hear(self, name: str, value: str) -> None:
        """What an answer of the server says of the session."""
        if name == TOKEN and value.startswith(_BEARER):
            self._token = value.removeprefix(_BEARER)
        elif name == FEATURES:
            self.features = frozenset(word.strip() for word in value.split(",") if word.strip())
        elif name == LOST:
            self.lost.hear(value)


def _of_handshake(error: Error, uri: str) -> Error:
    """Nothing is lost when a handshake breaks, and one that takes too long is no statement that does."""
    if isinstance(error, StatementTimeoutError):
        why = "it did not answer in time"
    elif error.code in (ClientCode.CONNECTION_BROKEN, ClientCode.CONNECTION_FAILED):
        why = error.message
    else:
        return error
    return OperationalError(f"{uri} can't be reached: {why}", code=ClientCode.CONNECTION_FAILED, sqlstate="08001")


def _outcome_unknown(error: Error) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"the answer was lost, so that nobody knows whether the statement has taken effect: {error.message}",
        code=ClientCode.OUTCOME_UNKNOWN,
        sqlstate="08007",
    )
