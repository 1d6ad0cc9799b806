"""Patterns in a person's episodes, which answers can use without being asked.

There are two kinds: topics they ask about at a time of the week or day, and names they mention often. A pattern's
confidence rises with the number of different days on which it was seen. It decays from the last of these days.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from memory.text import WEEKDAYS, fragments_of

_PARTS: Final = ((5, "night"), (12, "morning"), (17, "afternoon"), (22, "evening"), (24, "night"))
_MIN_DAYS: Final = 3
_NO_ID: Final = UUID(int=0)
_WORD: Final = re.compile(r"[^\W\d_][\w'’-]*")
_NO_NAMES: Final = frozenset({
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february",
    "march", "april", "may", "june", "july", "august", "september", "october", "november", "december", "i",
    "i'm", "i'll", "i've", "i'd", "ok", "okay", "english", "german", "french", "spanish",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """What is mined of an episode: its time in the person's time zone, the agent, and the names in its message."""

    at: datetime
    intent: str | None
    names: frozenset[str]
    id: UUID = _NO_ID


@dataclass(frozen=True, slots=True)
class Pattern:
    """`identity` is the same when the pattern is found again. `text` is a sentence about it.

    `confidence` is the one at the time `at`. `sightings` are the episodes in which the pattern was seen, each with its
    day as an ISO date.
    """

    identity: str
    text: str
    source: str
    confidence: float
    seen: int
    at: datetime
    sightings: Mapping[UUID, str]


def mine(episodes: Sequence[EpisodeFacts]) -> list[Pattern]:
    """The patterns in `episodes`, highest confidence first. The order of `episodes` makes no difference."""
    found = [*_routines(episodes), *_names(episodes)]
    return sorted(found, key=lambda pattern: (-pattern.confidence, pattern.identity))


def confidence_of(days: Iterable[str]) -> float | None:
    """The confidence of a pattern that was seen on these days; None if they are too few for a pattern."""
    count = len(set(days))
    return count / (count + 2) if count >= _MIN_DAYS else None


def part_of_day(at: datetime) -> str:
    """morning, afternoon, evening or night, in the time zone of `at`."""
    return next(name for hour, name in _PARTS if at.hour < hour)


def _routines(episodes: Sequence[EpisodeFacts]) -> Iterable[Pattern]:
    weekly: dict[tuple[str, int, str], list[EpisodeFacts]] = defaultdict(list)
    daily: dict[tuple[str, str], list[EpisodeFacts]] = defaultdict(list)
    for episode in episodes:
        if episode.intent is not None:
            part = part_of_day(episode.at)
            weekly[episode.intent, episode.at.weekday(), part].append(episode)
            daily[episode.intent, part].append(episode)
    on_weekdays: dict[tuple[str, str], int] = defaultdict(int)
    for (intent, weekday, part), seen in weekly.items():
        on_weekdays[intent, part] += 1
        text = f"Often asks about {_topic(intent)} on {WEEKDAYS[weekday].title()} {part}s."
        yield from _pattern(f"weekly:{intent}:{weekday}:{part}", text, "time of the week", seen)
    for (intent, part), seen in daily.items():
        # If it is seen on one weekday only, it is the same as the weekly pattern.
        if on_weekdays[intent, part] > 1:
            text = f"Often asks about {_topic(intent)} in the {part}." if part != "night" else (
                f"Often asks about {_topic(intent)} at night."
            )  # fmt: skip
            yield from _pattern(f"daily:{intent}:{part}", text, "time of day", seen)


def _names(episodes: Sequence[EpisodeFacts]) -> Iterable[Pattern]:
    seen: dict[str, list[EpisodeFacts]] = defaultdict(list)
    spelled: dict[str, str] = {}
    for episode in sorted(episodes, key=lambda episode: episode.at):
        for name in episode.names:
            seen[name.casefold()].append(episode)
            spelled[name.casefold()] = name
    for key, mentions in seen.items():
        yield from _pattern(f"name:{key}", f"Often mentions {spelled[key]}.", "recurring names", mentions)


def names_in(text: str) -> frozenset[str]:
    """Capitalised words: people, projects, places.

    The first word of a sentence is skipped, because it is always capitalised.
    """
    found = set()
    for fragment in fragments_of(text):
        for word in _WORD.findall(fragment)[1:]:
            name = word.removesuffix("'s").removesuffix("’s")
            if name[0].isupper() and len(name) > 1 and name.casefold() not in _NO_NAMES:
                found.add(name)
    return frozenset(found)


def _pattern(identity: str, text: str, source: str, episodes: Sequence[EpisodeFacts]) -> Iterable[Pattern]:
    days = [episode.at.date().isoformat() for episode in episodes]
    confidence = confidence_of(days)
    if confidence is not None:
        sightings = {episode.id: day for episode, day in zip(episodes, days, strict=True)}
        at = max(episode.at for episode in episodes)
        yield Pattern(identity, text, source, confidence, len(set(days)), at, sightings)


def _topic(intent: str) -> str:
    return intent.removesuffix("_agent").replace("_", " ") + ("s" if intent.endswith("_agent") else "")
