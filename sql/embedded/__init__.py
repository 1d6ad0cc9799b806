"""An embedded PostgreSQL, for `make run` without a database and for the tests.

`server_account.py` is the account that it runs under when we are root.
"""

from __future__ import annotations

from sql.embedded.postgres import (
    MAX_CONNECTIONS,
    EmbeddedPostgres,
    EmbeddedPostgresError,
    embedded_postgres,
)

__all__ = [
    "MAX_CONNECTIONS",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "embedded_postgres",
]
