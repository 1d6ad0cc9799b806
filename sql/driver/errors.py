"""The database faults that code outside `sql/` acts on, under names of our own."""

from psycopg import OperationalError as DatabaseUnavailable
from psycopg.errors import ForeignKeyViolation as UnknownReference

__all__ = ["DatabaseUnavailable", "UnknownReference"]
