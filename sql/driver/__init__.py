"""psycopg on Trio: connections, transactions, waiting, cancellation, and the errors that callers act on.

The only package that uses psycopg's private names.
"""

from __future__ import annotations

from sql.driver.connection import Connection, Cursor, TrioConnection
from sql.driver.conninfo import check_conninfo
from sql.driver.errors import DatabaseUnavailable, DivisionByZero, UnknownReference
from sql.driver.instants import read_storable, storable
from sql.driver.timeouts import CLEANUP_TIMEOUT_S
from sql.driver.wait import has_news

__all__ = [
    "CLEANUP_TIMEOUT_S",
    "Connection",
    "Cursor",
    "DatabaseUnavailable",
    "DivisionByZero",
    "TrioConnection",
    "UnknownReference",
    "check_conninfo",
    "has_news",
    "read_storable",
    "storable",
]
