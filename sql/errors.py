"""The database faults that code outside `sql/` acts on, under names of our own."""

from psycopg import OperationalError as DatabaseUnavailable

__all__ = ["DatabaseUnavailable"]
