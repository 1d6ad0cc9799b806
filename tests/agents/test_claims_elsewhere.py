"""The quick look for words of a claim never hides a claim from the search."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.claims import _CLAIM, _SIGNS, claims_change
from agents.claims_elsewhere import _ANY, _LANGUAGES, claims_elsewhere, first_words, may_claim


@pytest.mark.parametrize("number", range(len(_LANGUAGES)))
@settings(max_examples=30)
@given(st.data())
def test_what_the_search_finds_has_a_word_of_a_claim(number: int, data: st.DataObject) -> None:
    language = _LANGUAGES[number]
    sentence = data.draw(st.from_regex(language.did) | st.from_regex(language.was))
    for written in (sentence, sentence.upper(), sentence.lower()):
        if _ANY.search(written):
            assert may_claim(written)


@settings(max_examples=100)
@given(st.from_regex(_CLAIM))
def test_what_the_search_in_english_and_others_finds_has_a_word_of_a_claim(sentence: str) -> None:
    for written in (sentence, sentence.upper(), sentence.title()):
        if _CLAIM.search(written.lower()):
            assert may_claim(written, _SIGNS)


def test_first_words_have_all_optional_letters_and_classes() -> None:
    assert first_words(r"(?:mise?s? à jour|cread[oa]s?|got rid of)") == {
        *("mis", "mise", "miss", "mises"),
        *("creado", "creada", "creados", "creadas"),
        "got",
    }


@pytest.mark.parametrize("claim", ["タスクを削除しました。", "تمت إضافة المهمة.", "I got rid of the task.", "Done."])
def test_a_claim_after_many_other_sentences_is_found(claim: str) -> None:
    assert not claims_change("Here is your list. It is long! " * 20, asked=True)
    assert claims_change("Here is your list. It is long! " * 20 + claim, asked=True)


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
    assert may_claim(sentence) or _ANY.search(sentence) is None


def test_most_sentences_have_no_word_of_a_claim() -> None:
    assert not may_claim("Here is the list of your tasks — all of them are due today, né?")
    assert claims_elsewhere("Ho aggiunto il compito.", (), asked=False, read=False)
    assert claims_elsewhere("Görevi sildim.", (), asked=False, read=False)
    assert claims_elsewhere("任务已删除。", (), asked=False, read=False)
