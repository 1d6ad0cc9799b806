"""Labelled utterances for the router: public data mapped to the agents by one table, and this project's examples.

The split depends only on a hash of the text. One fifth is held out, one fifth is for tuning, and the rest is for
training. The shipped weights are trained on the tuning part too.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = Path(__file__).with_name("router_examples.jsonl")
GENERAL = "general_agent"

CLINC_INTENTS = {
    **dict.fromkeys(("todo_list", "todo_list_update", "reminder", "reminder_update"), "task_agent"),
    **dict.fromkeys(("calendar", "calendar_update", "meeting_schedule", "schedule_meeting"), "task_agent"),
    **dict.fromkeys(("shopping_list", "shopping_list_update"), "note_agent"),
}
"""All other intents, including the out-of-scope utterances, belong to the general agent."""

NLU_SCENARIOS = {"calendar": "task_agent", "lists": "note_agent"}
"""All other scenarios belong to the general agent."""

Part = Literal["train", "tune", "held_out"]


@dataclass(frozen=True, slots=True)
class Example:
    """`source` is `clinc150`, `nlu-evaluation` or `own`."""

    text: str
    agent: str
    source: str

    @property
    def part(self) -> Part:
        """The part of the split. It does not depend on letter case or spacing."""
        digest = hashlib.sha256(" ".join(self.text.lower().split()).encode()).digest()
        match digest[0] % 5:
            case 0:
                return "held_out"
            case 1:
                return "tune"
        return "train"


def shared_data() -> Path:
    """The folder of the public data: `TESSERA_SHARED_DATA`, else `shared/data` next to the repository."""
    return Path(os.environ.get("TESSERA_SHARED_DATA", ROOT.parent / "shared" / "data"))


def load(folder: Path | None = None) -> list[Example]:
    """Every example once. Raises `FileNotFoundError` if the public data is missing."""
    folder = folder or shared_data()
    found: dict[str, Example] = {}
    for example in (*_own(), *_clinc(folder), *_nlu(folder)):
        found.setdefault(" ".join(example.text.lower().split()), example)
    return list(found.values())


def _own() -> Iterator[Example]:
    for row in _rows(EXAMPLES):
        yield Example(row["text"], row["agent"], "own")


def _clinc(folder: Path) -> Iterator[Example]:
    for row in _rows(folder / "chat" / "clinc150-productivity.jsonl"):
        yield Example(row["text"], CLINC_INTENTS.get(row["intent"], GENERAL), "clinc150")


def _nlu(folder: Path) -> Iterator[Example]:
    for row in _rows(folder / "chat" / "nlu-evaluation.jsonl"):
        yield Example(row["text"], NLU_SCENARIOS.get(row["scenario"], GENERAL), "nlu-evaluation")


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
