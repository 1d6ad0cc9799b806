"""docs/operations.md lists every command of `tessera`, and no other."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from server.commands import _parser

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def test_the_docs_list_every_command() -> None:
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    section = PAGE.read_text("utf-8").split("\n## Commands\n")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(?:python -m server|tessera) ([a-z][a-z-]+)", section, re.MULTILINE)
    assert sorted(listed) == sorted(commands.choices)
