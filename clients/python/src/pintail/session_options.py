"""The options of a session, as a mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from . import messages
from .errors import ProgrammingError
from .messages import OptionValue


class SessionOptions(MutableMapping[str, OptionValue]):
    """Reads options from the server and sets them there. Deleting one puts it back to its default.

    Besides ``catalog``, ``schema`` and those whose names begin with ``pintail.``, the settings of the engine are options.
    """

    def __init__(self, act: Callable[[Any], bytes]) -> None:
        self._act = act

    def __getitem__(self, name: str) -> OptionValue:
        return self._all()[name]

    def __setitem__(self, name: str, value: OptionValue) -> None:
        self.set({name: value})

    def __delitem__(self, name: str) -> None:
        self.set({name: None})

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return "<pintail session options>"

    def set(self, values: Mapping[str, OptionValue]) -> None:
        """Sets several. Raises `ProgrammingError` that names those that the server did not take; it took the others."""
        refused = messages.read_refused(self._act(messages.set_options(values)))
        if refused:
            told = "; ".join(f"{name}: {why}" for name, why in sorted(refused.items()))
            raise ProgrammingError(
                f"session options were not set: {told}", code="OPTION_INVALID", sqlstate="22023"
            )

    def _all(self) -> dict[str, OptionValue]:
        return messages.read_options(self._act(messages.get_options()))
