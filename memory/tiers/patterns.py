"""Patterns in what a person does, mined from their episodes: what memory may bring up by itself.

Two kinds: what they ask about at a time of the week or day, and the names that keep coming up. A pattern's confidence
rises with the number of different days it was seen on, and halves with time from the last of them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PARTS: Final = ((5, "night"), (12, "morning"), (17, "afternoon"), (22, "evening"), (24, "night"))
_MIN_DAYS: Final = 3
_NO_ID: Final = UUID(int=0)
_SENTENCE: Final = re.compile(r"[^.!?\n]+")
_WORD: Final = re.compile(r"[^\W\d_][\w'’-]*")
_NO_NAMES: Final = frozenset({
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "january", "february",
    "march", "april", "may", "june", "july", "august", "september", "october", "november", "december", "i",
    "i'm", "i'll", "i've", "i'd", "ok", "okay", "english", "german", "french", "spanish",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class EpisodeFacts:
    """What mining looks at: when it was, in the person's own time zone, who answered, and what the person said."""

    at: datetime
    intent: str | None
    message: str
    id: UUID = _NO_ID


@dataclass(frozen=True, slots=True)
class Pattern:
    """`identity` stays when the pattern is seen again; `text` is a sentence about it; `confidence` is as of `at`.

    `sightings` are the episodes that it is based on, with the day of each as an ISO date.
    """

    identity: str
    text: str
    source: str
    confidence: float
    seen: int
    at: datetime
    sightings: Mapping[UUID, str]


def mine(episodes: Sequence[EpisodeFacts]) -> list[Pattern]:
    """The patterns of `episodes`, the surest first. The same episodes give the same patterns, in whatever order."""
    found = [*_routines(episodes), *_names(episodes)]
    return sorted(found, key=lambda pattern: (-pattern.confidence, pattern.identity))


def confidence_of(days: Iterable[str]) -> float | None:
    """Of a pattern that was seen on these days; None: on too few to be one."""
    count = len(set(days))
    return count / (count + 2) if count >= _MIN_DAYS else None


def part_of_day(at: datetime) -> str:
    """morning, afternoon, evening or night."""
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
        text = f"Often asks about {_topic(intent)} on {WEEKDAYS[weekday]} {part}s."
        yield from _pattern(f"weekly:{intent}:{weekday}:{part}", text, "time of the week", seen)
    for (intent, part), seen in daily.items():
        # On one weekday only it is the weekly pattern again.
        if on_weekdays[intent, part] > 1:
            text = f"Often asks about {_topic(intent)} in the {part}." if part != "night" else (
                f"Often asks about {_topic(intent)} at night."
            )  # fmt: skip
            yield from _pattern(f"daily:{intent}:{part}", text, "time of day", seen)


def _names(episodes: Sequence[EpisodeFacts]) -> Iterable[Pattern]:
    seen: dict[str, list[EpisodeFacts]] = defaultdict(list)
    spelled: dict[str, str] = {}
    for episode in sorted(episodes, key=lambda episode: episode.at):
        for name in names_in(episode.message):
            seen[name.casefold()].append(episode)
            spelled[name.casefold()] = name
    for key, mentions in seen.items():
        yield from _pattern(f"name:{key}", f"Often mentions {spelled[key]}.", "recurring names", mentions)


def names_in(text: str) -> set[str]:
    """Capitalised words inside sentences: people, projects, places. A sentence's first word tells nothing."""
    found = set()
    for sentence in _SENTENCE.findall(text):
        for word in _WORD.findall(sentence)[1:]:
            name = word.removesuffix("'s").removesuffix("’s")
            if name[0].isupper() and len(name) > 1 and name.casefold() not in _NO_NAMES:
                found.add(name)
    return found


def _pattern(identity: str, text: str, source: str, episodes: Sequence[EpisodeFacts]) -> Iterable[Pattern]:
    days = [episode.at.date().isoformat() for episode in episodes]
    confidence = confidence_of(days)
    if confidence is not None:
        sightings = {episode.id: day for episode, day in zip(episodes, days, strict=True)}
        at = max(episode.at for episode in episodes)
        yield Pattern(identity, text, source, confidence, len(set(days)), at, sightings)


def _topic(intent: str) -> str:
    return intent.removesuffix("_agent").replace("_", " ") + ("s" if intent.endswith("_agent") else "")
