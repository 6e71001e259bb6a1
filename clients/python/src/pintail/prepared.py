"""Prepared statements of a session, kept by their texts: a handle outlives the node that made it."""

from __future__ import annotations

import collections

import pyarrow.flight as flight

from . import messages
from .messages import PreparedResult
from .operation import Operation
from .session import Session

#: How many are kept; the one that was used longest ago makes place for another.
_KEPT = 64


class PreparedStatements:
    """The prepared statements that are kept."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._kept: collections.OrderedDict[str, PreparedResult] = collections.OrderedDict()

    def get(self, sql: str, transaction: bytes | None, operation: Operation) -> PreparedResult:
        """The statement, prepared now unless it has been."""
        found = self._kept.get(sql)
        if found is not None:
            self._kept.move_to_end(sql)
            return found
        found = messages.read_prepared(self._act(messages.prepare(sql, transaction), operation))
        self._kept[sql] = found
        while len(self._kept) > _KEPT:
            _, oldest = self._kept.popitem(last=False)
            self._act(messages.close_prepared(oldest.handle), operation)
        return found

    def forget(self, sql: str) -> None:
        """The server does not know the statement any more."""
        self._kept.pop(sql, None)

    def _act(self, action: flight.Action, operation: Operation) -> bytes:
        # Preparing twice makes a handle that nobody will name.
        return self._session.perform(
            lambda channel: channel.act(action, self._session.options(operation)), operation, repeat=True
        )
