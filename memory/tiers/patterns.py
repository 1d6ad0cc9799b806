"""Patterns in a person's episodes, which answers can use without being asked.

There are two kinds: topics they ask about at a time of the week or day, and names they mention often. A pattern's
confidence rises with the number of different days on which it was seen. It decays from the last of these days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from memory.text import WEEKDAYS, fragments_of

_PARTS: Final = ((5, "night"), (12, "morning"), (17, "afternoon"), (22, "evening"), (24, "night"))
_MIN_DAYS: Final = 3
_MIN_WEEKDAYS: Final = 2
_NO_ID: Final = UUID(int=0)
_MAX_NAMES: Final = 200
NAMES: Final = "recurring names"
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
    at: datetime
    sightings: Mapping[UUID, str]


def seen_in(episodes: Sequence[EpisodeFacts]) -> list[Pattern]:
    """Everything in `episodes` that is a pattern or may become one, by its identity. The order makes no difference.

    The confidence is 0 for a candidate that was seen on too few days.
    """
    sightings: dict[str, dict[UUID, str]] = {}
    newest: dict[str, tuple[str, str, datetime]] = {}
    for episode in sorted(episodes, key=lambda episode: (episode.at, episode.id)):
        for identity, text, source in [*_routines(episode), *_names(episode)]:
            sightings.setdefault(identity, {})[episode.id] = episode.at.date().isoformat()
            newest[identity] = text, source, episode.at
    found = []
    for identity, on in sorted(sightings.items()):
        text, source, at = newest[identity]
        found.append(Pattern(identity, text, source, confidence_of(identity, on.values()), at, on))
    return found


def confidence_of(identity: str, days: Iterable[str]) -> float:
    """The confidence of a pattern that was seen on these ISO dates; 0 if they are too few for a pattern.

    Something that is seen on one day of the week only is a weekly pattern, not a daily one.
    """
    seen = set(days)
    if identity.startswith("daily:") and len({date.fromisoformat(day).weekday() for day in seen}) < _MIN_WEEKDAYS:
        return 0.0
    return len(seen) / (len(seen) + 2) if len(seen) >= _MIN_DAYS else 0.0


def part_of_day(at: datetime) -> str:
    """morning, afternoon, evening or night, in the time zone of `at`."""
    return next(name for hour, name in _PARTS if at.hour < hour)


def name_identities(message: str) -> list[str]:
    """The identities of the patterns of names that may occur in `message`, in any case of its words."""
    words = (word.removesuffix("'s").removesuffix("’s") for word in _WORD.findall(message))
    return list(dict.fromkeys(f"name:{word.casefold()}" for word in words))[:_MAX_NAMES]


def fits(identity: str, at: datetime) -> bool:
    """Whether a pattern of a time is of the time `at`; patterns of names always fit."""
    kind, _, rest = identity.partition(":")
    if kind == "weekly":
        return rest.rpartition(":")[2] == part_of_day(at) and rest.split(":")[-2] == str(at.weekday())
    return kind != "daily" or rest.rpartition(":")[2] == part_of_day(at)


def _routines(episode: EpisodeFacts) -> Iterable[tuple[str, str, str]]:
    """(identity, text, source) of the times at which the episode asked about its topic."""
    if episode.intent is None:
        return
    part, weekday, topic = part_of_day(episode.at), episode.at.weekday(), _topic(episode.intent)
    weekly = f"Often asks about {topic} on {WEEKDAYS[weekday].title()} {part}s."
    yield f"weekly:{episode.intent}:{weekday}:{part}", weekly, "time of the week"
    when = "at night" if part == "night" else f"in the {part}"
    yield f"daily:{episode.intent}:{part}", f"Often asks about {topic} {when}.", "time of day"


def _names(episode: EpisodeFacts) -> Iterable[tuple[str, str, str]]:
    for name in sorted(episode.names):
        yield f"name:{name.casefold()}", f"Often mentions {name}.", NAMES


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


def _topic(intent: str) -> str:
    return intent.removesuffix("_agent").replace("_", " ") + ("s" if intent.endswith("_agent") else "")
