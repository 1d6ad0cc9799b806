"""Rows as the owner of the database sees them, and the statements that are about all users."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Identifier

OF_ALL_USERS = {
    "user_ids_page",
    "pending_users",
    "unembedded_users",
    "rekey_users",
    "index_users",
    "index_beside_users",
    "user_by_email",
    "relay_expire_messages",
    "requests_expire",
    "changes_expire",
    "logins_expire",
    "deleted_users_expire",
    "devices_expire",
    "forgotten_expire",
}

# Rows of these tables belong to servers or are invites, not to users.
OF_NO_USER = {
    "database_time",
    "relay_notify",
    "relay_notify_beat",
    "relay_heartbeat",
    "relay_workers_live",
    "segments_known_by_all",
    "relay_worker_ages",
    "relay_worker_leave",
    "relay_expire_workers",
    "invite_check",
    "invite_insert",
    "invite_use",
    "invites_expire",
}


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    """Run a query as the superuser, to whom no policy applies."""
    with psycopg.connect(database, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def dump(database: str, user_id: UUID) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of a user, by table."""
    with psycopg.connect(database, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE column_name = 'user_id' AND table_schema = 'public'"
        ).fetchall()
        return {
            table: connection.execute(
                SQL("SELECT * FROM {} WHERE user_id = %s ORDER BY 1, 2").format(Identifier(table)), [user_id]
            ).fetchall()
            for (table,) in tables
        }
