"""Databases of earlier versions, loaded from their dumps, and the comparison of rows before and after migrating."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.sql import SQL, Identifier

from tests.database import new_database
from tests.sql.upgrades.dump import KEY_FILE, SHARES_FOLDER

FOLDER: Final = Path(__file__).parent

VERSIONS: Final[Mapping[str, str]] = {"first_version": "0007_token_spend", "second_version": "0008_delivery"}
"""Folders of dumps, and the last migration of each."""

REWRITTEN: Final[Mapping[str, Mapping[str, str]]] = {
    "memory_associative": {"earlier_source_ids": "0011_memory_background", "signature": "0013_memory_signatures"}
}
"""By table: the columns whose values a later migration changes or removes, and that migration's name."""

REMOVED: Final[Mapping[str, str]] = {"relay_requests": "0009_drop_relay_requests"}
"""Tables that a later migration removes, and its name. They may be empty: no later code fills them."""

Rows = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A database with a version's dump in it and a copy of that version's state folder; nothing is migrated yet."""

    conninfo: str
    state: Path
    last_migration: str
    expected: Mapping[str, Any]

    @property
    def master_key(self) -> str:
        return (self.state / KEY_FILE).read_text("ascii").strip()

    @property
    def shares(self) -> Path:
        return self.state / SHARES_FOLDER

    def execute(self, script: str) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(script.encode())


@contextmanager
def loaded(server: str, version: str, state: Path, *, copy_of: str | None = None) -> Iterator[Stored]:
    """The version's data in a separate database. `copy_of` names a database that has it already, migrated."""
    folder = FOLDER / version
    shutil.copytree(folder / "state", state)
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    with new_database(server, template=copy_of or "template1") as conninfo:
        stored = Stored(conninfo, state, VERSIONS[version], expected)
        if copy_of is None:
            stored.execute((folder / "dump.sql").read_text("utf-8"))
        yield stored


def rows(conninfo: str) -> Rows:
    """Every row of every table but the list of migrations, as JSON; a superuser sees all of them."""
    with psycopg.connect(conninfo) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            table: [
                row for (row,) in connection.execute(SQL("SELECT to_jsonb(t) FROM {} AS t").format(Identifier(table)))
            ]
            for (table,) in tables
            if table != "schema_migrations"
        }


def lost(before: Rows, after: Rows) -> dict[str, list[str]]:
    """The rows of `before` that `after` does not have with the same values, by table. Added columns are ignored."""
    found = {}
    for table, old in before.items():
        if table in REMOVED and table not in after:
            continue
        columns = {name for row in old for name in row} - REWRITTEN.get(table, {}).keys()

        def kept(table_rows: list[dict[str, Any]], columns: set[str] = columns) -> Counter[str]:
            return Counter(
                json.dumps({name: row.get(name, "no such column") for name in sorted(columns)}) for row in table_rows
            )

        if missing := kept(old) - kept(after.get(table, [])):
            found[table] = sorted(missing)
    return found


def same_records(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> bool:
    """Whether the records have the expected fields and values, in any order; fields that are new are ignored."""
    by_id = {record["id"]: record for record in found}
    return len(found) == len(expected) and all(
        record["id"] in by_id and record.items() <= by_id[record["id"]].items() for record in expected
    )
