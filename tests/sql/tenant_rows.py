"""Rows as the owner of the database sees them, and the statements that are about all users."""

from __future__ import annotations

from typing import Any

import psycopg

OF_ALL_USERS = {
    "user_ids_page",
    "pending_users",
    "unembedded_users",
    "rekey_users",
    "user_by_email",
    "relay_expire_messages",
    "requests_expire",
    "changes_expire",
    "logins_expire",
    "deleted_users_expire",
    "devices_expire",
    "forgotten_expire",
}


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    """Run a query as the superuser, to whom no policy applies."""
    with psycopg.connect(database, autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()
