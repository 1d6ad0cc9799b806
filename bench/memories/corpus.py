"""Conversations with questions about them, one JSON object per line of a file, gzipped or not.

    {"conv": name,
     "about": whom it is about,
     "items": [{"id", "session", "speaker", "ts", "text"}, ...],
     "queries": [{"id", "q", "gold": [id, ...], "gold_level": "turn" or "session", "category"}, ...]}

Items are single turns, in the order in which they were said. All but `id` and `text` may be missing or null, texts may
be empty, and ids may occur twice. Conversations with the same `about` tell the same facts. Without a level the gold are
ids of items. A session is as good as its best item.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, Literal

from sql.driver import storable

Level = Literal["turn", "session"]

_GZIP: Final = b"\x1f\x8b"
_TIME_FORMATS: Final = (
    "%Y/%m/%d (%a) %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
    "%I:%M %p on %d %B, %Y",
    "%d %B %Y, %H:%M",
    "%d %B %Y",
    "%d %B, %Y",
    "%d %b %Y",
    "%B %d, %Y",
    "%B %d, %Y %H:%M",
    "%B %d, %Y, %I:%M %p",
    "%b %d, %Y",
    "%B %Y",
)
_MILLISECONDS: Final = 1e11
_TICK: Final = timedelta(microseconds=1)
_ROLES: Final = {"user", "assistant", "system", "human", "ai", "bot", "model", "tool"}


@dataclass(frozen=True, slots=True)
class Item:
    """One turn of a conversation. `when` differs between turns, so that they keep their order; None if unknown."""

    id: str
    session: str | None
    text: str
    when: datetime | None

    def target(self, level: Level) -> str | None:
        """The id of the turn or of the session that counts as found with this item."""
        return self.id if level == "turn" else self.session


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the targets that answer it."""

    text: str
    gold: frozenset[str]
    level: Level
    category: str | None = None
    """The kind of question, such as "temporal"; None: the file does not say it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """All items of one person, and the questions about them."""

    name: str
    items: list[Item]
    queries: list[Query]
    about: str
    """Whom it is about: the same value in conversations that tell the same facts."""


def read_corpus(path: Path) -> Iterator[Conversation]:
    """The conversations of a file. Raises `ValueError` for a line that is not one."""
    with path.open("rb") as file:
        gzipped = file.read(2) == _GZIP
    with gzip.open(path, "rt", encoding="utf-8") if gzipped else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                data = json.loads(line)
                queries = [query for asked in data.get("queries") or () if (query := _query(asked)) is not None]
                about = str(data.get("about", f"{path.name} {number}"))
                yield Conversation(str(data.get("conv", number)), _items(data["items"]), queries, about)


def _query(asked: Mapping[str, Any]) -> Query | None:
    gold = asked.get("gold")
    targets = frozenset(str(one) for one in (gold if isinstance(gold, list) else [gold]) if one is not None)
    level: Level = "session" if asked.get("gold_level") == "session" else "turn"
    category = asked.get("category")
    return Query(_clean(asked["q"]), targets, level, None if category is None else str(category)) if targets else None


def _items(items: list[dict[str, Any]]) -> list[Item]:
    """The items in order. One without a time gets the time of the previous one, plus ticks that keep the order."""
    read, last = [], None
    for number, item in enumerate(items):
        when = _when(item.get("ts"))
        last = when or last
        session = item.get("session")
        read.append(
            Item(
                id=str(item.get("id", number)),
                session=str(session) if session is not None else None,
                text=_text(item),
                when=last + number * _TICK if last is not None else None,
            )
        )
    return read


def _text(item: Mapping[str, Any]) -> str:
    """The text, after the speaker's name if there is one, because questions name people."""
    text, speaker = _clean(item.get("text")), _clean(item.get("speaker")).strip()
    return f"{speaker}: {text}" if text and speaker and speaker.lower() not in _ROLES else text


def _clean(text: object) -> str:
    """As a string without unpaired surrogates, which text from a device does not have either."""
    return "" if text is None else str(text).encode("utf-8", "replace").decode()


def _when(value: object) -> datetime | None:
    """The time in `value`; None if it has no time that a database can store."""
    when = _said(value)
    return when if when is not None and when == storable(when) else None


def _said(value: object) -> datetime | None:
    try:
        if isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdecimal() and len(value) > 8):
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS else seconds, UTC)
        if not isinstance(value, str):
            return None
        return _parsed(value.strip())
    except (ValueError, OverflowError, OSError):
        return None


def _parsed(text: str) -> datetime | None:
    parsers: list[Callable[[str], datetime]] = [datetime.fromisoformat, *map(_strptime, _TIME_FORMATS)]
    for parse in (*parsers, parsedate_to_datetime):
        try:
            when = parse(text)
        except (ValueError, TypeError):
            continue
        return when if when.tzinfo else when.replace(tzinfo=UTC)
    return None


def _strptime(pattern: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, pattern).replace(tzinfo=UTC)
