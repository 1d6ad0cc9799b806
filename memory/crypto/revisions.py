"""The newest revisions that this process has seen, to notice that an older one was put back."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

_MAX_NAMES: Final = 10_000
# A read may have begun before a newer revision was committed. No transaction of memory takes this long.
_CONCURRENT_S: Final = 60.0


class NewestRevisions:
    """The newest revision seen of each name, for the 10,000 names that were used last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._newest: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()

    def is_older(self, name: Hashable, revision: int) -> bool:
        """Whether a newer revision than this one was seen over a minute ago. Notes `revision` if it is the newest."""
        newest, seen_at = self._newest.get(name, (-1, 0.0))
        if revision < newest:
            return self._clock() - seen_at >= _CONCURRENT_S
        if revision > newest:
            self._newest[name] = (revision, self._clock())
            while len(self._newest) > _MAX_NAMES:
                self._newest.popitem(last=False)
        self._newest.move_to_end(name)
        return False
