"""Hits of the multilingual vector count only in another language than the question, and above their own floor."""

from __future__ import annotations

import pytest

from memory.recall.foreign import LOWEST_FLOOR, alternated, floor_among, in_other_languages, other_language
from memory.text import written_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is my umbrella?", "en"),
        ("Wo ist mein Regenschirm?", "de"),
        ("Où est mon parapluie ?", "fr"),
        ("¿Dónde está mi paraguas?", "es"),
        ("私の傘はどこですか", "kana"),
        ("我的雨伞在哪里？", "cjk"),
        ("أين مظلتي؟", "arabic"),
        ("Где мой зонт?", "cyrillic"),
        ("umbrella", None),
        ("Dov'è l'ombrello?", None),
        ("12:30 👍", None),
        ("", None),
    ],
)
def test_the_language_that_a_text_is_written_in(text: str, language: str | None) -> None:
    assert written_language(text) == language


@pytest.mark.parametrize(
    ("question", "text", "other"),
    [
        ("Where is my umbrella?", "I left my umbrella at the library", False),
        ("Where is my umbrella?", "Ich habe meinen Regenschirm in der Bibliothek vergessen", True),
        ("umbrella?", "I left my umbrella at the library", False),
        ("umbrella?", "図書館に傘を忘れました", True),
        ("私の傘はどこですか", "図書館に傘を忘れました", False),
        ("私の傘はどこですか", "我把雨伞忘在图书馆了", True),
        # It may be in any language with Latin letters.
        ("Where is my umbrella?", "Ombrello: biblioteca", True),
    ],
)
def test_whether_a_memory_is_in_another_language(question: str, text: str, other: bool) -> None:
    assert other_language(question, text) is other


def test_the_floor_is_higher_among_more_memories() -> None:
    floors = [floor_among(count) for count in (0, 1, 12, 24, 100, 1_000, 1_000_000)]
    assert floors == sorted(floors)
    assert floors[:3] == [LOWEST_FLOOR] * 3
    assert floors[3] > LOWEST_FLOOR
    assert floors[-1] == floors[-2] < 0.4


def test_hits_in_the_language_of_the_question_are_left_out_and_lower_the_floor() -> None:
    german, english = "Der Regenschirm ist in der Bibliothek", "The umbrella is in the library"
    hits = [("near", english, 0.5), ("own", english, 0.4), ("far", german, 0.3), ("farthest", german, 0.24)]
    assert in_other_languages("Where is it?", hits, 12) == ["far", "farthest"]
    # Half of the hits are German, so 24 of 48 memories are taken to be German.
    assert in_other_languages("Where is it?", hits, 48) == ["far"]
    assert in_other_languages("Where is it?", hits, 4_000) == []
    assert in_other_languages("Wo ist der Schirm?", hits, 12) == ["near", "own"]
    assert in_other_languages("Where is it?", [], 12) == []


def test_both_kinds_of_hits_take_turns() -> None:
    assert alternated([1, 2, 3], [10, 20], 8) == [1, 10, 2, 20, 3]
    assert alternated([1, 2, 3], [10, 20], 2) == [1, 10]
    assert alternated([], [10, 20], 8) == [10, 20]
    assert alternated([1], [], 8) == [1]
