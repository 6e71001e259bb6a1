"""Calls that can be waited for without being stuck in them.

A call of pyarrow can't be interrupted: Ctrl-C would have no effect before the server has answered. So calls are made on a
thread of their own, and the application's thread waits for them.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: How often a waiting thread looks up, in seconds.
_LOOK_UP = 0.1


class Call:
    """A call that is under way on another thread."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._done = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001 - it is raised where the call is waited for
            self._error = error
        finally:
            self._done.set()

    def wait(self, seconds: float) -> bool:
        """Whether the call has ended within this time."""
        return self._done.wait(seconds)

    def result(self) -> Any:
        """What the call gave; raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._value


class Worker:
    """A thread that makes the calls of one connection, one after the other."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        # A call that hangs must not keep the interpreter from ending.
        threading.Thread(target=_work, args=(self._calls,), name="pintail", daemon=True).start()
        weakref.finalize(self, self._calls.put, None)

    def start(self, function: Callable[[], T]) -> Call:
        """Starts a call; it begins when those before it have ended."""
        call = Call(function)
        self._calls.put(call)
        return call

    def stop(self) -> None:
        """Ends the thread after the calls that were started."""
        self._calls.put(None)


def _work(calls: queue.SimpleQueue[Call | None]) -> None:
    # The thread has no reference to its Worker: a connection that is forgotten is collected.
    while (call := calls.get()) is not None:
        call.run()
        # Nor to the call it made, whose value may be large, or hold a stream of the server open.
        del call


def wait(call: Call, each: Callable[[], None]) -> None:
    """Waits for a call to end, and calls `each` about ten times a second meanwhile.

    A signal, such as Ctrl-C, is raised here.
    """
    while not call.wait(_LOOK_UP):
        each()
