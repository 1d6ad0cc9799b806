"""The SQL that this project runs: one statement to a `.sql` file, in a folder for each group of tables.

A statement's name is its file's name, and the comment at the start of the file documents it. `make statements` lists
the names in `names.py`, so that the type checker rejects a wrong name.
"""

from __future__ import annotations

from sql.statements.loader import StatementError, Statements
from sql.statements.names import StatementName

__all__ = ["StatementError", "StatementName", "Statements"]
