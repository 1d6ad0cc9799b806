"""Which database errors are transient: the same work may succeed later."""

from __future__ import annotations

from typing import Final

import psycopg

from sql.pool import PoolTimeout

# SQLSTATE classes: connection, rollback (deadlock, serialization), resources, object state and locks, operator.
_TRANSIENT: Final = frozenset({"08", "40", "53", "55", "57"})


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: the database is unreachable, busy or out of a resource."""
    if isinstance(error, PoolTimeout):
        return True
    # A lost connection has no SQLSTATE.
    return isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:2] in _TRANSIENT)
