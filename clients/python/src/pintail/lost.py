"""What of a session could not be brought along when another node took it over, as the server tells it."""

from __future__ import annotations

import json


class LostSoFar:
    """All that was lost. Several answers tell the same, in case one of them does not arrive."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._untold: list[str] = []
        self._known: set[str] = set()

    def hear(self, header: str) -> None:
        """An answer tells this."""
        try:
            told = json.loads(header)
        except ValueError:
            return
        for lost in told if isinstance(told, list) else ():
            # What was made again and then lost again has another epoch.
            known = json.dumps(lost, sort_keys=True)
            if known in self._known or not isinstance(lost, dict):
                continue
            self._known.add(known)
            text = f"{lost['more']} others" if "more" in lost else f"{lost.get('what')} ({lost.get('why')})"
            self.all.append(text)
            self._untold.append(text)

    def take_untold(self) -> list[str]:
        """What was heard since this was asked last."""
        untold, self._untold = self._untold, []
        return untold
