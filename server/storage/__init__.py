"""The server's storage: its database, and the state folder on its disk.

The database is the one in the settings, or an embedded PostgreSQL.
"""

from __future__ import annotations

from server.storage.database import (
    Database,
    check_connections,
    database_url,
    open_database,
    owner_url,
    prepare_database,
)
from server.storage.state import first_master_key, master_keys, prepare_state_dir

__all__ = [
    "Database",
    "check_connections",
    "database_url",
    "first_master_key",
    "master_keys",
    "open_database",
    "owner_url",
    "prepare_database",
    "prepare_state_dir",
]
