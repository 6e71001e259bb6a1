"""Where in a result the client is, and how it goes on after a break.

A server that can resume numbers the batches of a result: the metadata of each is `<n>;<digest>`, which says how many there
were up to here, and what they held. The ticket is asked for again with the last of these, and the result goes on with the
next batch. Other servers can only begin again, which is done as long as the application has seen nothing of the result.
"""

from __future__ import annotations

import enum
import re

RESUMABLE_HEADER = (b"x-pintail-resumable", b"1")
RESUME_HEADER = b"x-pintail-resume"

_MARK = re.compile(rb"[0-9]+;[0-9A-Za-z]+")


class GoOn(enum.Enum):
    """How a result goes on after a break."""

    #: The ticket is asked for what follows the last batch.
    RESUME = "resume"
    #: The ticket is asked for again: nothing has come of it.
    SAME_TICKET = "same ticket"
    #: The result is asked for from its beginning: the application has nothing of it.
    FROM_THE_BEGINNING = "from the beginning"
    #: It does not.
    GIVE_UP = "give up"


class Position:
    """How much of a result has come, and how much of that the application has."""

    def __init__(self, can_resume: bool) -> None:
        self.can_resume = can_resume
        self.restart()
        #: Batches that the application has.
        self.handed = 0

    def restart(self) -> None:
        """Nothing has come, as at the beginning."""
        self.endpoint = 0
        self._mark: bytes | None = None
        self._number: int | None = None
        self._came = 0

    def next_endpoint(self) -> None:
        """All of the current endpoint has come."""
        self.endpoint += 1
        self._mark, self._number = None, None
        self._came = 0

    def batch(self, metadata: bytes | None) -> bool:
        """A batch has come, with this metadata; whether it is the one that follows the last. The metadata of servers which
        can't resume may hold anything."""
        self._came += 1
        is_mark = self.can_resume and metadata is not None and _MARK.fullmatch(metadata) is not None
        if metadata is None or not is_mark:
            self._mark = None
            return True
        before = self._number
        self._mark, self._number = metadata, int(metadata.partition(b";")[0])
        return before is None or self._number == before + 1

    @property
    def mark(self) -> bytes | None:
        """What the server is told to go on from."""
        return self._mark

    def go_on(self) -> GoOn:
        """How it goes on when the connection breaks here."""
        if self._came == 0:
            return GoOn.SAME_TICKET
        if self._mark is not None:
            return GoOn.RESUME
        return GoOn.FROM_THE_BEGINNING if self.handed == 0 else GoOn.GIVE_UP

    def without_result(self) -> GoOn:
        """How it goes on when the server does not have the result any more: if it can be run again, from its beginning."""
        return GoOn.FROM_THE_BEGINNING if self.handed == 0 else GoOn.GIVE_UP
