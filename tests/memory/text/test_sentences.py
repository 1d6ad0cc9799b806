"""Sentences, questions and statements."""

from __future__ import annotations

import pytest

from memory.text.sentences import fragments_of, is_question, sentences_of


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Hello. Who is it?\nAnn!", ["Hello.", " Who is it?", "Ann!"]),
        ("It costs 2.5 EUR", ["It costs 2.", "5 EUR"]),
        ("...", []),
        ("", []),
    ],
)
def test_fragments_end_at_every_mark_and_line_break(text: str, cut: list[str]) -> None:
    assert fragments_of(text) == cut


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("I met Dr. Smith. He waved; I left", ["I met Dr. Smith.", "He waved;", "I left"]),
        ("It costs 2.5 EUR\nFine", ["It costs 2.5 EUR", "Fine"]),
        ("", [""]),
    ],
)
def test_sentences_keep_titles_and_decimals_whole(text: str, cut: list[str]) -> None:
    assert sentences_of(text) == cut


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("Where does Clara live?", True),
        ("show my tasks", True),
        ("Show my tasks. Clara moved.", False),
        ("Clara moved?", True),
        ("", False),
    ],
)
def test_questions(text: str, question: bool) -> None:
    assert is_question(text) is question
