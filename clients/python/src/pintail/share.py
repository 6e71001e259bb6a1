"""How much of a statement is done, by what the server says while it is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: How long after an answer the server is asked again, in seconds.
_EVERY = 0.5


class Share:
    """The share of a statement that is done. `ask` asks the server for it, on a thread of its own: nobody waits for that."""

    def __init__(self, ask: Callable[[], float | None]) -> None:
        self._ask = ask
        self._latest: float | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def latest(self) -> float | None:
        """What was told last, from 0 to 1; None while nothing was. The server is asked from the first look on."""
        if self._thread is None:
            # An answer that does not come must not keep the interpreter from ending.
            self._thread = threading.Thread(target=self._run, name="pintail progress", daemon=True)
            self._thread.start()
        return self._latest

    def stop(self) -> None:
        """Asks no more. An answer that is under way is not waited for."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            told = self._ask()
            # Between two parts of a statement nothing runs that could be told of.
            if told is not None:
                self._latest = told
            self._stopped.wait(_EVERY)
