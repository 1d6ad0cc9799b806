"""What the rules learn from statements as people make them, by language: precision and recall over the whole tables.

Every third row of a table was held out while the rules were written; docs/memory.md has both figures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memory.preferences import Preference, accepted, preferences_in
from memory.preferences.rules import _LANGUAGES

STATEMENTS = Path(__file__).parent / "statements"
LANGUAGES = ("english", "german", "french", "spanish", "japanese", "unseen", "unseen_2", "unseen_3")
FAMILIES = {"allergy_": "allergy", "avoids_": "avoids", "dislikes_": "dislikes", "likes_": "likes", "prefers_": "likes"}
MIN_PRECISION, MIN_RECALL = 0.97, 0.7

Learned = set[tuple[str, str | None]]


def rows(language: str) -> list[tuple[Learned, str, str]]:
    """(what is learned, the message, the person's message before it) of each row."""
    found = []
    for line in (STATEMENTS / f"{language}.txt").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        expected, said = line.split(" | ", 1)
        message, _, before = said.partition(" <- ")
        learned = set() if expected == "-" else {_expected(part) for part in expected.split("; ")}
        found.append((learned, message.replace("\\n", "\n"), before))
    return found


def learned(message: str, before: str) -> Learned:
    preferences = accepted(preferences_in(message, before), message, evidence=False)
    return {(_family(one), one.value.casefold() if one.value is not None else None) for one in preferences}


def _expected(part: str) -> tuple[str, str | None]:
    if part.endswith("!"):
        return part[:-1], None
    key, _, value = part.partition("=")
    return key.replace(" ", "_"), value.casefold()


def _family(preference: Preference) -> str:
    starts = (family for start, family in FAMILIES.items() if preference.key.startswith(start))
    return next(starts, preference.key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_precision_and_recall(language: str, record_property: Callable[[str, object], None]) -> None:
    right, wrong, missed = 0, [], []
    for expected, message, before in rows(language):
        found = learned(message, before)
        right += len(found & expected)
        wrong += [(message, one) for one in found - expected]
        missed += [(message, one) for one in expected - found]
    precision, recall = right / (right + len(wrong)), right / (right + len(missed))
    record_property("precision", precision)
    record_property("recall", recall)
    print(f"{language}: precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= MIN_PRECISION, wrong
    assert recall >= MIN_RECALL, missed


def test_the_tables_are_large_enough() -> None:
    sizes = {language: len(rows(language)) for language in LANGUAGES}
    assert sizes["english"] >= 150
    assert min(sizes.values()) >= 40
    for language in LANGUAGES:
        positive = sum(bool(expected) for expected, *_ in rows(language))
        assert min(positive, sizes[language] - positive) >= 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_rule_matches_what_one_of_the_rules_matches(language: str) -> None:
    messages = {message for _, message, _ in rows(language)}
    messages |= {clause.strip() for message in messages for clause in message.split(",")}
    for known in _LANGUAGES:
        for message in messages:
            one_matches = any(rule.pattern.match(message) is not None for rule in known.rules)
            assert (known.any_rule.match(message) is not None) == one_matches, message
