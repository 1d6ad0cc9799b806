"""From text to terms: tables, and properties that hold for any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.text.analyser import MAX_WORD_CHARS, Analyser, normalise, without_stamp
from memory.text.languages import STOP_WORDS

WRITTEN = [
    "May 5, 2024",
    "1,200",
    "Café",
    "naïve’s",
    "東京タワーの",
    "12:30",
    "1st",
    "readings",
    "the",
    "don't",
    "x" * 80,
    "İs",
]


def terms(text: str) -> list[str]:
    return [word.term for word in Analyser().words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("The meetings were running late", ["meet", "run", "late"]),
        # The stemmer's output must not change, because terms are stored.
        ("organisations generously argued happier relational", ["organis", "generous", "argu", "happier", "relat"]),
        ("I'm sure it’s Sam's", ["sure", "sam"]),
        ("CAFÉ café ｃａｆｅ", ["cafe", "cafe", "cafe"]),
        ("Straße STRASSE", ["strass", "strass"]),
        ("$1,250.50 and 1,2", ["1250", "50", "1", "2"]),
        ("the 3rd time", ["3", "time"]),
        ("at 10:30, or 9:05pm; 1:2:3", ["10:30", "9:05", "pm", "1", "2", "3"]),
        ("sam@example.com", ["sam", "exampl", "com"]),
        ("snake_case e-mail", ["snake", "case", "e", "mail"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("猫 is a cat", ["猫", "cat"]),
        ("хорошие дни", ["хорошие", "дни"]),
        ("हिन्दी 👍 →", ["हिन्दी"]),
    ],
)
def test_words_become_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


DAY = ["may", "5", "may5", "2024", "may2024"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-05", DAY),
        ("2024/5/5", DAY),
        ("5 May 2024", DAY),
        ("the 5th of May, 2024", DAY),
        ("May 5th, 2024", DAY),
        ("MAY 05 2024", ["may", "5", "may5", "2024", "may2024"]),
        ("on Sept. 9", ["septemb", "9", "sep9"]),
        ("in March 2023", ["march", "2023", "mar2023"]),
        ("May 10:30", ["may", "10:30"]),
        ("may I come", ["may", "come"]),
        ("2024-13-05", ["2024", "13", "05"]),
        ("marching 5", ["march", "5"]),
    ],
)
def test_a_date_is_the_same_terms_however_it_is_written(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I would really like to get a green kayak", ["green", "kayak"]),
        ("Please tell me what Clara said about the boiler", ["clara", "boiler"]),
        ("Something went well today", ["today"]),
        # Without other words, the commonest ones are all that the text can be found by.
        ("Thank you, that is really good", ["thank", "realli", "good"]),
        ("the of and", []),
    ],
)
def test_the_commonest_words_are_indexed_only_if_there_are_no_others(text: str, expected: list[str]) -> None:
    assert [word.term for word in Analyser().indexed(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[2023/05/30 (Tue) 20:42] Where is it?", "Where is it?"),
        ("[30 May 2023] Where?", "Where?"),
        ("[2023-05-30]", "[2023-05-30]"),
        ("[2023-05-30T20:42:10.5+02:00] Where?", "Where?"),
        ("[May 30, 2023 at 8:42 pm UTC] Where?", "Where?"),
        ("[Budget 2025] what is left?", "[Budget 2025] what is left?"),
        ("[Trip of 30 May 2023] where?", "[Trip of 30 May 2023] where?"),
        ("[1, 2, 3] what is that?", "[1, 2, 3] what is that?"),
        ("on [2023-05-30] what happened?", "on [2023-05-30] what happened?"),
    ],
)
def test_a_stamp_says_when_it_was_said(text: str, expected: str) -> None:
    assert without_stamp(text) == expected


@given(st.text())
def test_normalising_again_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_case_and_composition_do_not_matter(text: str) -> None:
    expected = terms(text)
    assert terms(unicodedata.normalize("NFD", text)) == expected
    assert terms(unicodedata.normalize("NFKC", text)) == expected
    assert terms(text.casefold()) == expected


@given(st.text(max_size=300))
def test_terms_are_bounded_and_never_stop_words_or_empty(text: str) -> None:
    for term, written in Analyser().words(text):
        assert 0 < len(term) <= MAX_WORD_CHARS
        assert written not in STOP_WORDS


@given(st.lists(st.text("abcdefghijklmnop", min_size=1), max_size=20))
def test_words_stand_for_themselves(words: list[str]) -> None:
    assert terms(" ".join(words)) == [term for word in words for term in terms(word)]


@pytest.mark.parametrize("text", ["", "ABC İ", "Ünïcode’s", *map(chr, range(128))])
def test_ascii_is_normalised_as_other_text_is(text: str) -> None:
    composed = unicodedata.normalize("NFKD", text.casefold())
    expected = "".join(one for one in composed if not unicodedata.combining(one)).replace("\u2019", "'")
    assert normalise(text) == expected


@given(st.text() | st.lists(st.sampled_from(WRITTEN)).map(" ".join))
def test_the_terms_of_a_text_are_those_of_its_words(text: str) -> None:
    analyser = Analyser()
    assert analyser.terms(text) == {word.term for word in analyser.words(text)}
