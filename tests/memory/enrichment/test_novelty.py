"""What is new in an exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.enrichment.enriched import enrich, enrich_all
from memory.enrichment.episodes import Episode
from memory.enrichment.novelty import MAX_LEARNED_CHARS, Learned, worth_learning
from memory.text import Analyser
from memory.tiers import Exchange


@pytest.mark.parametrize(
    ("message", "response", "recalled", "learned"),
    [
        ("Clara moved to Lisbon.", "Noted.", [], "Clara moved to Lisbon.\nNoted."),
        ("Where does Clara live?", "Clara lives in Lisbon.", ["Clara lives in Lisbon"], None),
        ("Where does Clara live?", "In Lisbon, since May.", [], "Where does Clara live?\nIn Lisbon, since May."),
        ("Clara lives in Lisbon", "You told me so.", ["Clara lives in Lisbon."], None),
        ("I leave on Thursday at nine.", "ok", ["I leave on Tuesday at nine."], "I leave on Thursday at nine.\nok"),
        ("I don't love olives", "", ["I love olives"], "I don't love olives"),
        ("I love olives", "", ["I don't love olives"], "I love olives"),
        ("My code is 9876", "Your code is 9876.", ["My code is 1234"], "My code is 9876\nYour code is 9876."),
        ("I love olives. Clara moved!", "", ["Clara moved. And: I LOVE olives"], None),
        ("hi", "the", [], "hi\nthe"),
        ("is it?", "", ["something"], None),
        ("", "Anything.", [], None),
    ],
)
def test_what_is_new(message: str, response: str, recalled: list[str], learned: str | None) -> None:
    found = worth_learning(message, response, recalled)
    assert (found.text if found is not None else None) == learned


def test_repeated_sentences_are_left_out_of_what_is_learned() -> None:
    learned = worth_learning(
        "What do you know about Clara?",
        "Clara moved to Lisbon. She has a concert on Friday.",
        ["My sister Clara moved to Lisbon."],
    )
    assert learned == Learned("What do you know about Clara?", "She has a concert on Friday.")
    assert learned.text[: learned.said] == "What do you know about Clara?"


@given(st.text(max_size=300))
def test_any_message_can_be_learned(message: str) -> None:
    learned = worth_learning(message, message, [])
    assert learned is None or 0 < len(learned.text) <= MAX_LEARNED_CHARS
    assert worth_learning(message, "", [message]) in (None, Learned(message.strip(), ""))


@pytest.mark.parametrize(
    "response",
    [
        "",
        "I don't know.",
        "I'm sorry, but I don't have your PIN. Let me know if you need anything else.",
        "I found no PIN in your notes. Is there anything else I can do?",
        "Sorry. I couldn't find it.",
    ],
)
def test_a_question_without_an_answer_is_not_learned(response: str) -> None:
    assert worth_learning("What is my PIN?", response, []) is None


def test_a_question_with_an_answer_is_learned() -> None:
    learned = worth_learning("What is my PIN?", "Your PIN is 1234. Let me know if you need anything else.", [])
    assert learned is not None
    assert "1234" in learned.answer
    assert worth_learning("Where is Bo?", "I found no task about Bo. Bo is in Rome.", []) is not None


def test_a_text_that_was_recalled_for_several_exchanges_is_analysed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    analysed: list[str] = []
    terms = Analyser.terms

    def counted(analyser: Analyser, text: str) -> set[str]:
        analysed.append(text)
        return terms(analyser, text)

    monkeypatch.setattr(Analyser, "terms", counted)
    known = "My sister Clara moved to Lisbon."
    episodes = [
        Episode(UUID(int=number), 1, Exchange(f"What of {number}?", "No idea.", None, [known]), datetime.now(UTC))
        for number in range(5)
    ]
    assert enrich_all(episodes, UTC) == [enrich(episode, None, UTC) for episode in episodes]
    assert analysed.count(known) == 1 + 5
