"""Preferences that a person states explicitly, found by rules, for servers without a language model for memory.

Only a sentence that says one thing about the speaker counts. A question, a condition, a negation, or a report of
somebody else's words does not. A missed preference is better than a wrong one, because preferences go into every
prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from memory.text import WEEKDAYS, sentences_of

# Words that may come before the statement in its sentence.
_OPENING: Final = re.compile(
    r"^(?:(?:please|so|and|also|well|ok|okay|hi|hello|hey|thanks|by the way|btw|from now on|in future|just|fyi)"
    r"[\s,:]+)*",
    re.IGNORECASE,
)
# Where another statement or a request may begin in the same sentence; not before a threat or a promise.
_NEXT: Final = re.compile(
    r",\s+(?:and|but|then)\s+(?!(?:i|you|we|they|he|she|it)(?:['’]ll| will)\b)"
    r"|\s+and\s+(?=(?:i (?:live|work|go by|prefer)|my|call me)\b)",
    re.IGNORECASE,
)
# A phrase after the statement that says since when, until when, or with whom.
_ASIDE: Final = re.compile(
    r"[\s,]+(?:(?:from |right |for |just )?now(?: on)?|currently|nowadays|these days|at the moment|at present|again"
    r"|today|too|as well|instead|(?:since|because|with|but|when|while|until|for (?:a|the|\d+)) .*|and (?-i:[a-z]).*)$",
    re.IGNORECASE,
)
_NAME: Final = r"[^\W\d_][\w'’.-]*(?: (?-i:[A-ZÀ-Þ])[\w'’.-]*){0,3}"
_NOT_A_NAME: Final = frozenset({
    "a", "an", "the", "back", "later", "tomorrow", "today", "tonight", "when", "if", "at", "on", "in", "after",
    "before", "maybe", "crazy", "old", "now", "again", "anytime", "any", "once", "as", "by", "soon", "not",
    "about", "for", "to", "with", "and", "or", "whenever", "asap", "this", "next", "every", "each", "please",
})  # fmt: skip
_NOT_A_HOME: Final = frozenset({
    "a", "an", "my", "your", "his", "her", "our", "their", "this", "that", "one", "fear", "hope", "peace", "pain",
    "denial", "poverty", "constant", "sin", "luxury", "dread", "interesting",
})  # fmt: skip
_NOT_A_LANGUAGE: Final = frozenset({
    "detail", "short", "full", "brief", "public", "private", "person", "caps", "capitals", "uppercase", "lowercase",
    "bold", "bullets", "points", "markdown", "json",
    "tables", "prose", "verse", "rhyme", "plain", "simple", "time", "advance",
    "general", "particular", "writing", "kind", "turn", "one", "two", "three", "emojis", "sentences", "words", "steps",
})  # fmt: skip
_NOT_PREFERRED: Final = frozenset({
    "not", "no", "never", "neither", "nor", "nothing", "none", "nobody", "without", "cannot",
})  # fmt: skip
_NO_SUBJECT: Final = frozenset({
    "it", "this", "that", "these", "those", "them", "him", "her", "one", "ones", "so", "way", "you", "me", "be", "now",
})  # fmt: skip
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_WEEKDAYS: Final = "|".join(WEEKDAYS)
_MAX_VALUE_CHARS: Final = 120


@dataclass(frozen=True, slots=True)
class Preference:
    """A preference: `key` is its name."""

    key: str
    value: str


def _plain(key: str) -> Callable[[re.Match[str]], Preference | None]:
    return lambda match: Preference(key, match[1])


def _lower(key: str) -> Callable[[re.Match[str]], Preference | None]:
    return lambda match: Preference(key, match[1].lower())


def _name(match: re.Match[str]) -> Preference | None:
    first = match[1].split()[0].lower()
    return None if first in _NOT_A_NAME or first in WEEKDAYS else Preference("preferred_name", match[1])


def _preferring(match: re.Match[str]) -> Preference | None:
    words = re.split(r"\s+(?:over|to|rather than|instead of|than|because|when|if)\s+|,", match[1])[0].strip()
    liked = _ASIDE.sub("", words)
    said = liked.lower().split()
    if not said or not said[-1].isalpha() or said[-1] in _NO_SUBJECT:
        return None
    if any(word in _NOT_PREFERRED or word.replace("’", "'").endswith("n't") for word in said):
        return None
    return Preference(f"prefers_{said[-1]}", liked)


def _language(match: re.Match[str]) -> Preference | None:
    return None if match[1].lower() in _NOT_A_LANGUAGE else Preference("language", match[1])


def _home(match: re.Match[str]) -> Preference | None:
    place = _ASIDE.sub("", match[1])
    first = place.strip().partition(" ")[0].lower()
    return None if first in _NOT_A_HOME else Preference("home", place)


def _employer(match: re.Match[str]) -> Preference | None:
    """Only a name, which starts with a capital or a digit: people also "work for food" and "work at night"."""
    name = _ASIDE.sub("", match[1])
    first = name.removeprefix("the ")[:1]
    return Preference("employer", name) if first.isupper() or first.isdigit() else None


def _birthday(match: re.Match[str]) -> Preference | None:
    dated = re.search(rf"\d|\b(?:{_MONTHS})", match[1], re.IGNORECASE)
    return Preference("birthday", match[1]) if dated else None


def _favourite(match: re.Match[str]) -> Preference | None:
    return Preference("favourite_" + "_".join(match[1].lower().split()), match[2])


_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Preference | None]], ...]] = tuple(
    (re.compile(pattern + r"(?:[\s,]+please)?\s*[.!;]?$", re.IGNORECASE), make)
    for pattern, make in (
        (
            rf"(?:you can |i want you to |i'd like you to )?call me ({_NAME})(?: from now on| now| instead| again)?",
            _name,
        ),
        (rf"my name(?: is|['’]s) ({_NAME})", _name),
        (rf"i go by ({_NAME})", _name),
        (r"my pronouns are ([\w/ ]{2,30})", _lower("pronouns")),
        (rf"(?:my|the) weeks? starts? (?:on )?(?:a )?({_WEEKDAYS})s?", _lower("week_start")),
        (r"my time ?zone is ([\w/+: -]{2,40})", _plain("time_zone")),
        (r"(?:always |only )?(?:answer|reply|respond|write|speak)(?: to me)? in ([a-z]{3,20})", _language),
        (r"my (?:first|native|preferred) language is ([a-z]{3,20})", _plain("language")),
        (r"my birthday is (?:on )?([\w ,]{3,30})", _birthday),
        (r"i live in ([\w' ,-]{2,60})", _home),
        (r"i work (?:at|for) ([\w&' .-]{2,60})", _employer),
        (r"my favou?rite ([\w ]{2,30}?) is ([\w' -]{2,60})", _favourite),
        (r"i(?:['’]d)? (?:always |usually |really |much |generally )?prefer ([\w' ,-]{2,80})", _preferring),
    )
)


def stated_preferences(message: str) -> list[Preference]:
    """The preferences stated in `message`, in their order. Of several with the same name, the last one."""
    found: dict[str, Preference] = {}
    for sentence in sentences_of(message):
        text = sentence.strip()
        if text.endswith("?"):
            continue
        for part in _NEXT.split(text):
            preference = _stated(part.strip())
            # A part after an unknown part may belong to it: to a condition, or to somebody else's words.
            if preference is None:
                break
            found.pop(preference.key, None)
            found[preference.key] = preference
    return list(found.values())


def _stated(text: str) -> Preference | None:
    opening = _OPENING.match(text)
    text = text[opening.end() :] if opening is not None else text
    for pattern, make in _RULES:
        match = pattern.match(text)
        preference = make(match) if match is not None else None
        value = preference.value.strip(" .,!") if preference is not None else ""
        if preference is not None and 0 < len(value) <= _MAX_VALUE_CHARS:
            return Preference(preference.key, value)
    return None
