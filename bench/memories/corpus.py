"""Conversations with questions about them, one JSON object per line of a gzip file.

    {"conv": name,
     "items": [{"id", "session", "speaker", "ts", "text"}, ...],
     "queries": [{"id", "q", "gold": [id, ...], "gold_level": "turn" or "session"}, ...]}

`session`, `speaker` and `ts` may be null; without a level the gold are ids of items. A session is as good as its best
item.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

_TIME_FORMATS: Final = ("%Y/%m/%d (%a) %H:%M", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%I:%M %p on %d %B, %Y")
_ROLES: Final = {"user", "assistant", "system", "human", "ai"}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was said: `target` is what finding it counts for, `previous` what was said just before."""

    target: str
    text: str
    when: datetime | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the targets that answer it."""

    text: str
    gold: frozenset[str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """All items of one person, and what is asked about them: by `turn` or `session`."""

    name: str
    level: str
    items: list[Item]
    queries: list[Query]


def read_corpus(path: Path) -> Iterator[Conversation]:
    """The conversations of a file; one whose queries have both levels is given twice, once for each."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            data = json.loads(line)
            levels = {query.get("gold_level") or "turn" for query in data["queries"]}
            for level in sorted(levels):
                queries = [
                    Query(query["q"], frozenset(str(gold) for gold in query["gold"]))
                    for query in data["queries"]
                    if (query.get("gold_level") or "turn") == level and query["gold"]
                ]
                yield Conversation(str(data["conv"]), level, _items(data["items"], level), queries)


def _items(items: list[dict[str, Any]], level: str) -> list[Item]:
    texts = [_text(item) for item in items]
    return [
        Item(
            target=str(item["session"] if level == "session" else item["id"]),
            text=text,
            when=_when(item.get("ts")),
            previous=texts[place - 1] if place and _continues(items[place - 1], item) else None,
        )
        for place, (item, text) in enumerate(zip(items, texts, strict=True))
    ]


def _continues(before: dict[str, Any], item: dict[str, Any]) -> bool:
    return item.get("session") is not None and before.get("session") == item["session"]


def _text(item: dict[str, Any]) -> str:
    """The text, with the speaker's name where it is one: people are asked about by name."""
    speaker = item.get("speaker")
    return f"{speaker}: {item['text']}" if speaker and speaker.lower() not in _ROLES else item["text"]


def _when(value: object) -> datetime | None:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        pass
    else:
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    for pattern in _TIME_FORMATS:
        try:
            return datetime.strptime(value, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
