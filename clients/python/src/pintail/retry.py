"""How often and how long something is tried again."""

from __future__ import annotations

import random
import threading
import time

#: The most often that one break makes the client bring its session to a server again.
MAX_REATTACHES = 5

#: The longest the first pause may be, and any of them, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 3.0


class Budget:
    """What one operation may spend on being tried again: an amount of time, and a number of reattaches.

    The time is counted from the first failure, so that a statement which merely takes long has all of it left. What makes
    progress after a failure, such as a stream that goes on, is given its whole budget again by `renew`. Nothing is tried after the
    moment `expires`, by the monotonic clock, whatever made progress before.
    """

    def __init__(
        self, deadline: float, cancelled: threading.Event | None = None, expires: float | None = None
    ) -> None:
        self.deadline = deadline
        self._expires = expires
        self._cancelled = cancelled or threading.Event()
        self._chance = random.Random()
        self._began: float | None = None
        self._failures = 0
        self._reattaches = 0

    def renew(self) -> None:
        """Gives the whole budget again."""
        self.settle()
        self._reattaches = 0

    def settle(self) -> None:
        """A call has succeeded: the next failure has the whole time before it again, and not the number of reattaches."""
        self._began = None
        self._failures = 0

    @property
    def left(self) -> float:
        """The seconds that are left."""
        left = self.deadline if self._began is None else self._began + self.deadline - time.monotonic()
        return left if self._expires is None else min(left, self._expires - time.monotonic())

    @property
    def may_reattach(self) -> bool:
        """Whether the session may be brought to a server once more."""
        return self._reattaches < MAX_REATTACHES

    def reattached(self) -> None:
        """Notes that the session was brought to a server."""
        self._reattaches += 1

    def pause(self) -> bool:
        """Waits before the next try; whether there may be one.

        The pauses grow exponentially, and each is a random part of what it may be at most, so that clients which broke at
        the same moment do not come back at the same moment.
        """
        if self._began is None:
            self._began = time.monotonic()
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        pause = self._chance.uniform(0, longest)
        if self._expires is not None and pause >= self._expires - time.monotonic():
            # Its time is over before the next try would be, and that is what the application is to be told.
            self._cancelled.wait(max(self._expires - time.monotonic(), 0))
            return False
        return pause < self.left and not self._cancelled.wait(pause)
