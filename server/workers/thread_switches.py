"""How long a computing thread keeps the interpreter while the event loop waits for it.

Enrichment, embedding and searches compute in threads. Only one thread runs Python code at a time, so after each wait in
epoll, and after most other system calls, the event loop needs the interpreter back. With Python's interval of 5 ms, a
cancel or a token waited up to 5 ms for it each time. One pass of the event loop makes ten such calls or more, so half a
millisecond was still too long. A shorter interval costs something only while both have work.
"""

from __future__ import annotations

import sys
from typing import Final

SWITCH_INTERVAL_S: Final = 0.00005


def hasten_thread_switches() -> None:
    """Let a computing thread give the interpreter back within a tenth of a millisecond. Once per process."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
