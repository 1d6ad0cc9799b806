"""Which of the database's errors pass by themselves."""

from __future__ import annotations

from typing import Final

import psycopg

from sql.pool import PoolTimeout

# Connection, rollback (deadlock, serialization), resources, locks and states of objects, the operator's intervention.
_PASSING: Final = frozenset({"08", "40", "53", "55", "57"})


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: the database is away, busy, or short of something."""
    if isinstance(error, PoolTimeout):
        return True
    # A lost connection has no code.
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:2] in _PASSING)
