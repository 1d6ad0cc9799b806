"""The SQL statements of earlier versions, of which servers may still run while the database is migrated.

A file in `previous/` is named after the last migration of a version. It holds the statements of that version that no
earlier file has with the same text, so that a statement is stored once. To write the file of the version that you have
checked out, run `python -m tests.sql.upgrades.previous_statements` after a migration has landed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from sql.migrate import read_migrations
from tests.architecture.layout import ROOT

FOLDER: Final = Path(__file__).parent / "previous"


def versions() -> list[str]:
    """The last migrations of the versions, oldest first."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def statements(version: str) -> dict[str, str]:
    """The statements that were new or changed in a version, by name."""
    held: dict[str, str] = json.loads((FOLDER / f"{version}.json").read_text("utf-8"))["statements"]
    return held


def write() -> Path:
    """Write the file of the present version. Raises `FileExistsError` if it has one."""
    last = read_migrations()[-1].name
    before: set[tuple[str, str]] = set()
    for version in versions():
        before.update(statements(version).items())
    present = {path.stem: path.read_text("utf-8") for path in sorted((ROOT / "sql" / "statements").rglob("*.sql"))}
    new = {name: text for name, text in present.items() if (name, text) not in before}
    path = FOLDER / f"{last}.json"
    with path.open("x", encoding="utf-8") as file:
        json.dump({"last_migration": last, "statements": new}, file, indent=1)
        file.write("\n")
    return path


if __name__ == "__main__":
    print(write())
