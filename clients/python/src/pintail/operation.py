"""One thing that the application asked for: how long it may take, and how it is cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .errors import StatementCancelledError, StatementTimeoutError
from .retry import Budget


class Operation:
    """A statement or another request, with all the calls that it takes.

    `deadline` is how long, in seconds, its calls are tried again after a failure. `timeout` is how long it may take at all,
    from now to its last row; None is as long as it takes.
    """

    def __init__(self, deadline: float, timeout: float | None = None) -> None:
        self.cancelled = threading.Event()
        self._expires = None if timeout is None else time.monotonic() + timeout
        self.budget = Budget(deadline, self.cancelled, self._expires)
        #: Tells the server, once there is something running that it can be told of.
        self.on_cancel: Callable[[], None] | None = None

    def seconds_left(self) -> float | None:
        """What is left of its time; None when it has no end. Raises `StatementTimeoutError` when nothing is."""
        if self._expires is None:
            return None
        left = self._expires - time.monotonic()
        if left <= 0:
            raise StatementTimeoutError(
                "the time that was given for the statement is over", code="DEADLINE_EXCEEDED", sqlstate="57014"
            )
        return left

    def check(self) -> None:
        """Raises `StatementCancelledError` if it was cancelled, and `StatementTimeoutError` if its time is over."""
        if self.cancelled.is_set():
            raise StatementCancelledError(
                "the statement was cancelled", code="STATEMENT_CANCELLED", sqlstate="57014"
            )
        self.seconds_left()

    def cancel(self) -> bool:
        """Cancels it; whether the server could be told. What waits to be tried again is not tried again."""
        self.cancelled.set()
        tell = self.on_cancel
        if tell is None:
            return False
        tell()
        return True
