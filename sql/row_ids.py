"""Ids of rows: UUIDs of version 7 (RFC 9562), which begin with the time. PostgreSQL has them from version 18 on.

The rows of one user then lie in the order of their creation in the index of the primary key, so that the index grows at
one end of the user's part. Ids of users stay random (version 4): sweeps start at a random one.
"""

from __future__ import annotations

import secrets
import time
from uuid import UUID

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new_row_id() -> UUID:
    """A new id: 48 bits of milliseconds since the epoch, then 12 bits of the rest of the time, then 62 random bits.

    Ids of one process are in the order of their creation, to 250 ns and as far as the clock does not go back.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | _VERSION | fraction << 64 | _VARIANT | secrets.randbits(62))
