"""Preferences that a person states, found by rules in English, German, French, Spanish and Japanese.

A rule matches a whole clause. Anything that the rules don't know before a statement may change its meaning, so the
sentence is then skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from memory.preferences.english import ENGLISH
from memory.preferences.french import FRENCH
from memory.preferences.german import GERMAN
from memory.preferences.japanese import JAPANESE
from memory.preferences.own_words import own_sentences
from memory.preferences.preference import Language, Preference, trimmed
from memory.preferences.spanish import SPANISH

_LANGUAGES: Final = (ENGLISH, GERMAN, FRENCH, SPANISH, JAPANESE)
_MAX_SENTENCE_CHARS: Final = 400
_QUESTION: Final = re.compile(r"[?？]\s*$")


def rules_compiled() -> bool:
    """Whether all patterns are compiled, so that `preferences_in` takes no longer than its message needs."""
    return all(language.compiled for language in _LANGUAGES)


def compile_rules() -> None:
    """Compile the patterns that are not compiled yet. Takes up to half a second, so call it in a thread."""
    for language in _LANGUAGES:
        language.any_rule  # noqa: B018 - a cached property


def preferences_in(message: str, before: str = "") -> list[Preference]:
    """The preferences that `message` states or takes back, in their order. Of several with one name, the last.

    `before` is the person's message before it, which a short message may correct ("no, Samuel").
    """
    sentences = own_sentences(message)
    found = [preference for sentence in sentences for preference in _stated(sentence)]
    if not found and before and len(sentences) == 1:
        found = _corrected(sentences[0], before)
    return _last_of_each(found)


def _last_of_each(found: Iterable[Preference]) -> list[Preference]:
    by_key: dict[str, Preference] = {}
    for preference in found:
        by_key.pop(preference.key, None)
        by_key[preference.key] = preference
    return list(by_key.values())


def _stated(sentence: str) -> list[Preference]:
    if len(sentence) > _MAX_SENTENCE_CHARS:
        return []
    for language in _LANGUAGES:
        found = _stated_in(language, sentence)
        if found:
            return found
    return []


def _stated_in(language: Language, sentence: str) -> list[Preference]:
    """The preferences in the sentence's parts, up to the first part that no rule matches."""
    parts = language.joint.split(sentence)
    if len(parts) == 1 and not any(map(language.any_rule.match, _forms(language, sentence, first=True))):
        return []  # nearly every sentence, in nearly every language
    asked = _QUESTION.search(sentence) is not None
    found: list[Preference] = []
    matched = False
    for number, part in enumerate(parts):
        forms = _forms(language, part, first=number == 0)
        if asked and number == len(parts) - 1 and not part.casefold().startswith(("could", "can", "would", "will")):
            break
        stated = next((made for form in forms if (made := _match(language, form)) is not None), None)
        matched = matched or stated is not None
        if stated is None:
            if number == 0 and not forms[-1].strip(" ,.!"):
                continue  # only a greeting
            break
        found += stated
    # The sentence may be its only part, which no rule has matched.
    if not found and not asked and (matched or len(parts) > 1):
        return next((made for form in _forms(language, sentence, first=True) if (made := _match(language, form))), [])
    return found


def _forms(language: Language, part: str, *, first: bool) -> list[str]:
    text = part.strip()
    opening = language.opening.match(text)
    stripped = text[opening.end() :] if opening is not None else text
    forms = [text] if stripped == text else [text, stripped]
    if not first:
        forms += [subject + stripped for subject in language.subjects]
    return forms


def _match(language: Language, text: str) -> list[Preference] | None:
    """The preferences of the first rule that matches and finds any; []: one matches; None: none matches."""
    if language.any_rule.match(text) is None:
        return None
    matched: list[Preference] | None = None
    for rule in language.rules:
        match = rule.pattern.match(text)
        if match is not None:
            matched = list(rule.make(match))
            if matched:
                return matched
    return matched


def _corrected(sentence: str, before: str) -> list[Preference]:
    """The last preference of the message before with the value that the sentence corrects it to."""
    for language in _LANGUAGES:
        match = language.correction.match(sentence) if language.correction is not None else None
        value = trimmed(next(filter(None, match.groups()), "")) if match is not None else ""
        if value:
            return _replaced(value, own_sentences(before))
    return []


def _replaced(value: str, sentences: Sequence[str]) -> list[Preference]:
    for sentence in reversed(sentences):
        stated = [preference for preference in _stated(sentence) if preference.value is not None]
        if stated and stated[-1].value is not None:
            said = re.sub(re.escape(stated[-1].value), lambda _: value, sentence, flags=re.IGNORECASE)
            return [one for one in _stated(said) if one.key == stated[-1].key and one.value == value]
    return []
