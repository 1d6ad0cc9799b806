"""Preferences that a person states plainly, found by rules: what is learned without a language model.

Only a sentence that says one thing about the speaker counts; a question, a condition, a negation or a report of what
somebody else said does not. Fewer preferences is better than wrong ones: they go into every prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# After a full stop that ends a sentence, not a title.
_SENTENCE_END: Final = re.compile(r"(?<=[.!?;])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bProf\.)\s+|\n+")
# What may stand before the statement in its sentence.
_OPENING: Final = re.compile(
    r"^(?:(?:please|so|and|also|well|ok|okay|hi|hello|hey|thanks|by the way|btw|from now on|in future|just|fyi)"
    r"[\s,:]+)*",
    re.IGNORECASE,
)
_NAME: Final = r"[^\W\d_][\w'’.-]*(?: [A-Z][\w'’.-]*){0,3}"
_NOT_A_NAME: Final = frozenset({
    "a", "an", "the", "back", "later", "tomorrow", "today", "tonight", "when", "if", "at", "on", "in", "after",
    "before", "maybe", "crazy", "old", "now", "again", "anytime", "any", "once", "as", "by", "soon", "not",
    "about", "for", "to", "with", "and", "or", "whenever", "asap", "this", "next", "every", "each", "please",
})  # fmt: skip
_WEEKDAYS: Final = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_MAX_VALUE_CHARS: Final = 120


@dataclass(frozen=True, slots=True)
class Preference:
    """One core value: `key` is its name."""

    key: str
    value: str


def _plain(key: str) -> Callable[[re.Match[str]], Preference | None]:
    return lambda match: Preference(key, match[1])


def _lower(key: str) -> Callable[[re.Match[str]], Preference | None]:
    return lambda match: Preference(key, match[1].lower())


def _name(match: re.Match[str]) -> Preference | None:
    first = match[1].split()[0].lower()
    return None if first in _NOT_A_NAME or first in _WEEKDAYS.split("|") else Preference("preferred_name", match[1])


def _preferring(match: re.Match[str]) -> Preference | None:
    liked = re.split(r"\s+(?:over|to|rather than|instead of|than|because|when|if)\s+|,", match[1])[0].strip()
    about = liked.split()[-1].lower() if liked else ""
    return Preference(f"prefers_{about}", liked) if about.isalpha() else None


def _favourite(match: re.Match[str]) -> Preference | None:
    return Preference("favourite_" + "_".join(match[1].lower().split()), match[2])


_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Preference | None]], ...]] = tuple(
    (re.compile(pattern + r"(?:[\s,]+please)?\s*[.!;]?$", re.IGNORECASE), make)
    for pattern, make in (
        (rf"(?:you can |i want you to |i'd like you to )?call me ({_NAME})", _name),
        (rf"my name(?: is|['’]s) ({_NAME})", _name),
        (rf"i go by ({_NAME})", _name),
        (r"my pronouns are ([\w/ ]{2,30})", _lower("pronouns")),
        (rf"(?:my|the) weeks? starts? on (?:a )?({_WEEKDAYS})s?", _lower("week_start")),
        (r"my time ?zone is ([\w/+: -]{2,40})", _plain("time_zone")),
        (r"(?:always |only )?(?:answer|reply|respond|write|speak)(?: to me)? in ([a-z]{3,20})", _plain("language")),
        (r"my (?:first|native|preferred) language is ([a-z]{3,20})", _plain("language")),
        (r"my birthday is (?:on )?([\w ,]{3,30})", _plain("birthday")),
        (r"i live in ([\w' ,-]{2,60})", _plain("home")),
        (r"i work (?:at|for) ([\w&' .-]{2,60})", _plain("employer")),
        (r"my favou?rite ([\w ]{2,30}?) is ([\w' -]{2,60})", _favourite),
        (r"i(?:['’]d)? (?:always |usually |really |much |generally )?prefer ([\w' ,-]{2,80})", _preferring),
    )
)


def stated_preferences(message: str) -> list[Preference]:
    """What the sentences of `message` state, in their order; of one name the last."""
    found: dict[str, Preference] = {}
    for sentence in _SENTENCE_END.split(message):
        text = sentence.strip()
        if text.endswith("?"):
            continue
        text = text[_OPENING.match(text).end() :]  # type: ignore[union-attr]  # it matches nothing, too
        for pattern, make in _RULES:
            match = pattern.match(text)
            preference = make(match) if match is not None else None
            if preference is not None and len(preference.value) <= _MAX_VALUE_CHARS:
                found.pop(preference.key, None)
                found[preference.key] = Preference(preference.key, preference.value.strip(" .,!"))
                break
    return list(found.values())
