"""A line that says how a statement that takes long is getting on: how much of it is done, for how long it has been running, and
how many rows have come.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from .share import Share

#: For how long a statement runs before anything is shown, and how often it is shown anew, in seconds.
_QUIET, _EVERY = 1.0, 0.25


class Progress(Protocol):
    """Something that is told how a statement gets on."""

    def update(self, rows: int) -> None:
        """It is still running, and this many rows have come."""

    def done(self) -> None:
        """It has ended."""


class Silent:
    """Shows nothing."""

    def update(self, rows: int) -> None:
        pass

    def done(self) -> None:
        pass


class Line:
    """What both kinds of lines have in common: when they are shown, and what they say."""

    def __init__(self, share: Share) -> None:
        self._share = share
        self._began = time.monotonic()
        self._next = self._began + _QUIET
        self._shown = False

    def update(self, rows: int) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self.show(text(now - self._began, rows, self._share.latest()))
            self._shown = True

    def done(self) -> None:
        self._share.stop()
        if self._shown:
            self._shown = False
            self.clear()

    def show(self, line: str) -> None:
        """Shows a line in the place of the one before."""
        raise NotImplementedError

    def clear(self) -> None:
        """Takes the line away."""
        raise NotImplementedError


class Terminal(Line):
    """A line on a terminal, which is taken away at the end."""

    def __init__(self, stream: Any, share: Share) -> None:
        super().__init__(share)
        self._stream = stream

    def show(self, line: str) -> None:
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()

    def clear(self) -> None:
        self._stream.write("\r\x1b[K")
        self._stream.flush()


class Notebook(Line):
    """A line in the output of a notebook's cell."""

    def __init__(self, display: Any, share: Share) -> None:
        super().__init__(share)
        self._display = display
        self._handle: Any = None

    def show(self, line: str) -> None:
        shown = {"text/plain": line}
        if self._handle is None:
            self._handle = self._display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def clear(self) -> None:
        self._handle.update({"text/plain": ""}, raw=True)


def text(seconds: float, rows: int, share: float | None) -> str:
    """What is said of a statement, of which a share from 0 to 1 is done; None where that is not known."""
    minutes, rest = divmod(int(seconds), 60)
    done = f"{int(share * 100)} % done, " if share is not None else ""
    came = f", {rows:,} rows" if rows else ""
    return f"{done}running for {minutes}:{rest:02}{came}"


def progress(wanted: bool | None, ask: Callable[[], float | None]) -> Progress:
    """What a statement's progress is shown on: None is to show it where somebody looks, which is a terminal or a notebook.

    `ask` asks the server for the share that is done.
    """
    if wanted is False:
        return Silent()
    display = _notebook_display()
    if display is not None:
        return Notebook(display, Share(ask))
    if wanted or sys.stderr.isatty():
        return Terminal(sys.stderr, Share(ask))
    return Silent()


def _notebook_display() -> Any:
    """What shows things in a notebook; None outside of one."""
    # Whoever runs in a notebook has imported it already.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display
