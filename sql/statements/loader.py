"""Reads the statement files and checks them: one statement to a file, with a comment that documents it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, get_args

from sql.statements.names import StatementName

FOLDER: Final = Path(__file__).parent


class StatementError(Exception):
    """A statement file is missing, empty, ambiguous or undocumented, or `StatementName` does not list it."""


class Statements:
    """The loaded statements: `statements["user_key"]` is what psycopg executes, with named parameters."""

    __slots__ = ("_by_name",)

    def __init__(self, by_name: Mapping[StatementName, bytes]) -> None:
        self._by_name = by_name

    @classmethod
    def load(cls) -> Statements:
        """Every file, read and checked once in a process. Raises `StatementError`."""
        return cls(_checked(FOLDER))

    def __getitem__(self, name: StatementName) -> bytes:
        return self._by_name[name]


@cache
def _checked(folder: Path) -> Mapping[StatementName, bytes]:
    """The statements below `folder`. Raises `StatementError` unless they are those of `StatementName`."""
    found = read_statements(folder)
    names: tuple[StatementName, ...] = get_args(StatementName)
    if missing := set(names) - set(found):
        raise StatementError(f"no .sql file below {folder} for: {', '.join(sorted(missing))}")
    if unused := set(found) - set(names):
        raise StatementError(f"not listed in StatementName, run `make statements`: {', '.join(sorted(unused))}")
    return {name: found[name] for name in names}


def read_statements(folder: Path) -> dict[str, bytes]:
    """The statements below `folder`, by file name without `.sql`. Raises `StatementError`."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*.sql")):
        if path.stem in found:
            raise StatementError(f"two files are named {path.name}")
        found[path.stem] = _statement(path)
    return found


def _statement(path: Path) -> bytes:
    """The file's text below its leading comment, without the closing semicolon."""
    lines = path.read_text(encoding="utf-8").strip().splitlines()
    comment = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    statement = "\n".join(lines[comment:]).strip().removesuffix(";").rstrip()
    if not statement:
        raise StatementError(f"{path.name} holds no statement")
    if comment == 0:
        raise StatementError(f"{path.name} does not start with a comment that says what it does")
    if ";" in statement:
        raise StatementError(f"{path.name} holds more than one statement (or a semicolon inside one)")
    return statement.encode()
