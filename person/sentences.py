"""The sentences that the server writes for people, in the person's language: one catalogue per language, by key.

Errors have the key `error.CODE`. A catalogue's value is a sentence with placeholders, or one sentence per plural form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "de", "fr", "es", "ja", "ar")
"""The languages that have a catalogue. The first one is for all other languages."""

# Errors that only a fault of the client causes. The person can do nothing about the details.
_APP_FAULTS: Final = frozenset(
    (
        "already_ready",
        "bad_request",
        "invalid_body",
        "invalid_frame",
        "invalid_query",
        "method_not_allowed",
        "not_found",
        "unknown_call",
        "unknown_type",
        "unsupported_media_type",
    )
)
_SAME: Final[Mapping[str, str]] = {
    "body_timeout": "unavailable",
    "body_too_large": "message_too_long",
    "database_unavailable": "unavailable",
}
_UNKNOWN_ERROR: Final = "error.internal"


def _arabic(count: int) -> str:
    if count in {0, 1, 2}:
        return ("zero", "one", "two")[count]
    tens = count % 100
    return "few" if 3 <= tens <= 10 else "many" if tens >= 11 else "other"


def _one_is_singular(count: int) -> str:
    return "one" if count == 1 else "other"


# CLDR 46, plurals.xml, for whole numbers below a million.
_PLURALS: Final[Mapping[str, Callable[[int], str]]] = {
    "en": _one_is_singular,
    "de": _one_is_singular,
    "fr": lambda count: "one" if count in {0, 1} else "other",
    "es": _one_is_singular,
    "ja": lambda _: "other",
    "ar": _arabic,
}


def catalogue_language(language: str | None) -> str | None:
    """The language of the catalogue for a BCP 47 tag, by RFC 4647 lookup: `de` for `de-AT`. None if there is none."""
    subtags = (language or "").lower().replace("_", "-").split("-")
    while subtags:
        if (tag := "-".join(subtags)) in LANGUAGES:
            return tag
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:
            subtags.pop()  # a single letter only begins an extension
    return None


@cache
def catalogue(language: str) -> Mapping[str, str | Mapping[str, str]]:
    """The catalogue of one of `LANGUAGES`."""
    found: dict[str, str | Mapping[str, str]] = json.loads(
        files("person").joinpath("catalogues", f"{language}.json").read_text("utf-8")
    )
    return found


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of one language."""

    language: str = LANGUAGES[0]

    @classmethod
    def of(cls, *accepted: str | None) -> Sentences:
        """Those of the first of these BCP 47 tags that has a catalogue; English if none has one."""
        return cls(next(filter(None, map(catalogue_language, accepted)), LANGUAGES[0]))

    def say(self, key: str, **values: str | int) -> str:
        """The sentence with this key. `count` chooses its plural form. Raises KeyError if there is none."""
        found = catalogue(self.language)[key]
        if not isinstance(found, str):
            found = found[_PLURALS[self.language](int(values["count"]))]
        return found.format(**values)

    def find(self, key: str) -> str | None:
        """The text with this key, which has no placeholders; None if there is none."""
        found = catalogue(self.language).get(key)
        return found if isinstance(found, str) else None

    def error(self, code: str) -> str:
        """What an error with this code means for the person."""
        key = f"error.{_SAME.get(code, code)}"
        if code in _APP_FAULTS:
            key = "error.app_fault"
        return self.say(key if key in catalogue(self.language) else _UNKNOWN_ERROR)


ENGLISH: Final = Sentences()
