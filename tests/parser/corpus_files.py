"""The project's own corpus: recorded token streams of answers, `corpus/*.jsonl`.

Each line is one answer: `name`, `tokens`, and `events`, what must come of it (adjacent text joined), as
`python -m parser` prints events, with an `excerpt` and a `detail` left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from parser import Event
from parser.__main__ import event_as_json

FOLDER = Path(__file__).with_name("corpus")


def lines() -> dict[str, dict[str, Any]]:
    """Every recorded answer by name."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            found[row["name"]] = row
    return found


def answers() -> dict[str, list[str]]:
    """The tokens of every answer by name."""
    return {name: row["tokens"] for name, row in lines().items()}


def plain(event: Event) -> dict[str, Any]:
    """An event as the corpus has it."""
    shown = event_as_json(event)
    shown.pop("excerpt", None)
    shown.pop("detail", None)
    return dict(json.loads(json.dumps(shown)))
