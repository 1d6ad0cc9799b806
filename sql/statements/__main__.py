"""Write `names.py` from the names of the `.sql` files: `make statements`."""

from __future__ import annotations

from collections.abc import Iterable

from sql.statements.loader import FOLDER, read_statements


def names_module(names: Iterable[str]) -> str:
    """The text of `names.py` for these statement names."""
    lines = "".join(f'    "{name}",\n' for name in sorted(names))
    return f'''"""The names of all statements. Generated from the .sql files by `make statements`: do not edit."""

from typing import Literal

StatementName = Literal[
{lines}]
'''


if __name__ == "__main__":
    (FOLDER / "names.py").write_text(names_module(read_statements(FOLDER)), encoding="utf-8")
