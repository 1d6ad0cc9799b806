"""Log events that one client can cause as often as it likes: at most one line per second for each cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import trio

_EVERY_S: Final = 1.0
_MAX_CAUSES: Final = 1000


class LogRate:
    """Counts what it does not log. The next line of the same cause has the count."""

    def __init__(self) -> None:
        # By event and cause: when the next line is due, and how many were not logged since the last one.
        self._causes: dict[tuple[str, str], tuple[float, int]] = {}

    def log(self, write: Callable[..., Any], event: str, cause: str, **fields: object) -> None:
        """Call `write(event, count=..., **fields)`, unless that was done for this cause less than a second ago.

        `count`: how often it happened since the last line, this time included.
        """
        now = trio.current_time()
        due, unlogged = self._causes.get((event, cause), (now, 0))
        if now < due:
            self._causes[event, cause] = due, unlogged + 1
            return
        if len(self._causes) >= _MAX_CAUSES:
            self._causes = {key: value for key, value in self._causes.items() if value[0] > now or value[1]}
        if len(self._causes) >= _MAX_CAUSES:
            self._causes.clear()
        self._causes[event, cause] = now + _EVERY_S, 0
        write(event, count=unlogged + 1, **fields)
