"""The database errors that code outside `sql/` handles, under names of this project."""

from psycopg import OperationalError as DatabaseUnavailable
from psycopg.errors import DivisionByZero
from psycopg.errors import ForeignKeyViolation as UnknownReference

__all__ = ["DatabaseUnavailable", "DivisionByZero", "UnknownReference"]
