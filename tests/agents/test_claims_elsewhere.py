"""The quick look for words of a claim never hides a claim from the search."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.claims_elsewhere import _ANY, _LANGUAGES, _may_claim, claims_elsewhere


@pytest.mark.parametrize("number", range(len(_LANGUAGES)))
@settings(max_examples=30)
@given(st.data())
def test_what_the_search_finds_has_a_word_of_a_claim(number: int, data: st.DataObject) -> None:
    language = _LANGUAGES[number]
    sentence = data.draw(st.from_regex(language.did) | st.from_regex(language.was))
    for written in (sentence, sentence.upper(), sentence.lower()):
        if _ANY.search(written):
            assert _may_claim(written)


@pytest.mark.parametrize(
    "sentence",
    [
        "HO AGGIUNTO IL COMPITO",
        "Görevi SİLDİM",
        "Görevi kaldirdim".replace("i", "ı"),
        "Ho aggiunto il compito.",
        "J’ai",
    ],
)
def test_letters_of_either_case_count(sentence: str) -> None:
    assert _may_claim(sentence) or _ANY.search(sentence) is None


def test_most_sentences_have_no_word_of_a_claim() -> None:
    assert not _may_claim("Here is the list of your tasks — all of them are due today, né?")
    assert claims_elsewhere("Ho aggiunto il compito.", (), asked=False, read=False)
    assert claims_elsewhere("Görevi sildim.", (), asked=False, read=False)
    assert claims_elsewhere("任务已删除。", (), asked=False, read=False)
