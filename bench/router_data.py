"""Labelled utterances for the router: public data mapped to the agents by one table, and this project's examples.

The split depends only on a hash of the text. One fifth is held out, one fifth is for tuning, and the rest is for
training. The shipped weights are trained on the tuning part too. Sentences made from patterns are only for training.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = Path(__file__).with_name("router_examples.jsonl")
PATTERNS = Path(__file__).with_name("router_templates.jsonl")
GENERAL = "general_agent"

CLINC_INTENTS = {
    **dict.fromkeys(("todo_list", "todo_list_update", "reminder", "reminder_update"), "task_agent"),
    **dict.fromkeys(("calendar", "calendar_update", "meeting_schedule", "schedule_meeting"), "task_agent"),
    **dict.fromkeys(("shopping_list", "shopping_list_update"), "note_agent"),
}
"""All other intents, including the out-of-scope utterances, belong to the general agent."""

NLU_SCENARIOS = {"calendar": "task_agent", "lists": "note_agent"}
"""All other scenarios belong to the general agent."""

FILLED = 3
"""How many titles each pattern is filled with."""

CLINC_READS = {"todo_list", "reminder", "calendar", "meeting_schedule", "shopping_list"}
"""The intents of items that only ask; the other ones of items order a change."""

Part = Literal["train", "tune", "held_out"]


@dataclass(frozen=True, slots=True)
class Example:
    """`source` is `clinc150`, `nlu-evaluation`, `own` or `pattern`; `need` is what the message needs of the device.

    `language` is an ISO 639 code.
    """

    text: str
    agent: str
    source: str
    need: str = "none"
    language: str = "en"

    @property
    def part(self) -> Part:
        """The part of the split. Letter case and spacing do not matter. A filled pattern is only for training."""
        if self.source == "pattern":
            return "train"
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
    for example in (*_own(), *_clinc(folder), *_nlu(folder), *_filled()):
        found.setdefault(" ".join(example.text.lower().split()), example)
    return list(found.values())


def _own() -> Iterator[Example]:
    for row in _rows(EXAMPLES):
        yield Example(row["text"], row["agent"], "own", row["need"], row["lang"])


def _filled() -> Iterator[Example]:
    """Each pattern with a few of the titles and names of its language."""
    words: dict[str, dict[str, list[str]]] = {}
    turn = 0
    for row in _rows(PATTERNS):
        known = words.setdefault(row["lang"], {})
        known |= {kind: row[kind] for kind in ("titles", "names") if kind in row}
        for pattern in row.get("patterns", ()):
            for _ in range(FILLED if "{t}" in pattern else 1):
                turn += 1
                title, name = (known[kind][turn % len(known[kind])] for kind in ("titles", "names"))
                text = pattern.replace("{t}", title).replace("{n}", name)
                yield Example(text, row["agent"], "pattern", row["need"], row["lang"])


def _clinc(folder: Path) -> Iterator[Example]:
    for row in _rows(folder / "chat" / "clinc150-productivity.jsonl"):
        agent = CLINC_INTENTS.get(row["intent"], GENERAL)
        need = "none" if agent == GENERAL else "read" if row["intent"] in CLINC_READS else "change"
        yield Example(row["text"], agent, "clinc150", need)


def _nlu(folder: Path) -> Iterator[Example]:
    for row in _rows(folder / "chat" / "nlu-evaluation.jsonl"):
        agent = NLU_SCENARIOS.get(row["scenario"], GENERAL)
        need = "none" if agent == GENERAL else "read" if row["intent"].endswith("_query") else "change"
        yield Example(row["text"], agent, "nlu-evaluation", need)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
