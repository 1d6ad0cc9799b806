"""How long a computing thread keeps the interpreter while the event loop waits for it.

Enrichment, embedding and searches compute in threads. Only one thread runs Python code at a time, so after each wait in
epoll the event loop needs the interpreter back. With Python's interval of 5 ms, a cancel or a token waited up to 5 ms
for it each time. A shorter interval costs something only while both have work.
"""

from __future__ import annotations

import sys
from typing import Final

SWITCH_INTERVAL_S: Final = 0.0005


def hasten_thread_switches() -> None:
    """Let a computing thread give the interpreter back within half a millisecond. Once per process."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
