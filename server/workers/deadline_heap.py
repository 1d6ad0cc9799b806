"""How many deadlines that no longer count Trio keeps before it removes them.

Trio keeps the deadlines of cancel scopes in one heap. A deadline that was left or changed stays there until its time.
When these outnumber the others by 1,000, Trio rebuilds the heap in one step: about 0.6 microseconds for each entry.
While 5,000 devices came back together, that stopped every running answer for 8 to 16 ms each second. The deadlines of
a handshake last 15 seconds at most, so with more room nearly all of them leave the heap one by one.
"""

from __future__ import annotations

from typing import Final

import trio._core._run

STALE_DEADLINES: Final = 40_000
"""They take about 15 MB. A storm of 5,000 handshakes leaves fewer."""


def allow_stale_deadlines() -> None:
    """Let Trio keep up to `STALE_DEADLINES` of them in addition to those that count. Once per process."""
    # A private name: tests/server/workers/test_deadline_heap.py fails if Trio no longer reads it.
    setattr(trio._core._run, "DEADLINE_HEAP_MIN_PRUNE_THRESHOLD", STALE_DEADLINES)  # noqa: B010
