"""What an exchange says, and which exchanges repeat it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.text import Said

STOCK = "Let me know if you need anything else."
CLARA = Said.of("Thank you! My sister Clara moved to Lisbon.", "Noted.")


def test_only_the_persons_message_states_something() -> None:
    said = Said.of("My sister Clara moved. Thanks! Is she ok?", "Noted. She is.")
    assert said.stated == (frozenset({"sister", "clara", "move"}),)
    assert Said.of("Where is Clara?", "Clara lives in Lisbon.").stated == ()
    assert Said.of("Thank you!", "You are welcome.").stated == ()


@pytest.mark.parametrize(
    ("message", "response", "again"),
    [
        ("My sister Clara moved to Lisbon.", "ok", True),
        ("By the way, my sister Clara has moved to Lisbon!", "ok", True),
        ("As I said: my sister Clara moved to Lisbon!", STOCK, True),
        ("Where is she?", "Your sister Clara moved to Lisbon.", True),
        ("My sister Clara moved to Porto.", "ok", False),
        ("My sister moved to Lisbon.", "ok", False),
        ("My sister Clara never moved to Lisbon.", "ok", False),
        ("My sister Clara moved to Lisbon in May.", "ok", False),
        ("My sister Clara moved to Lisbon. Her number is 555.", "ok", False),
        ("Write to my aunt.", "Dear aunt, my sister Clara moved to Lisbon.", False),
        ("Thank you!", "You are welcome.", False),
        ("Clara called.", "Lisbon is nice.", False),
    ],
)
def test_what_says_the_same_again(message: str, response: str, again: bool) -> None:
    assert CLARA.is_repeated_by(Said.of(message, response)) is again


def test_what_says_it_among_other_things_mentions_it() -> None:
    assert CLARA.is_mentioned_by(Said.of("My sister Clara moved to Lisbon. Her number is 555.", "ok"))
    assert not CLARA.is_mentioned_by(Said.of("My sister Clara moved to Porto.", STOCK))


def test_a_short_statement_is_only_known_as_a_whole() -> None:
    known = Said.of("Ben snores.", "ok")
    assert known.is_repeated_by(Said.of("ben snores", ""))
    assert not known.is_repeated_by(Said.of("I think that Ben snores loudly at night", ""))


@pytest.mark.parametrize("message", ["Go on", "Yes", "Move it to Friday", "Do that.", "Weiter", "The second one!"])
def test_a_message_that_depends_on_its_context_states_nothing(message: str) -> None:
    said = Said.of(message, "Ok, it is on Friday now.")
    assert said.stated == ()
    assert not said.is_repeated_by(Said.of(message, "The bug is fixed."))


@pytest.mark.parametrize("message", ["I quit.", "Ben snores.", "I like it.", "My sister lives there."])
def test_a_short_message_about_the_person_states_something(message: str) -> None:
    assert Said.of(message, "ok").stated


def test_a_question_is_repeated_only_by_the_same_exchange() -> None:
    question = Said.of("What is my PIN?", f"I do not know your PIN. {STOCK}")
    assert question.is_repeated_by(Said.of("what is my  PIN?", f"I do not know your PIN. {STOCK}"))
    assert not question.is_repeated_by(Said.of("What is my PIN?", f"Your PIN is 1234. {STOCK}"))
    assert not question.is_repeated_by(Said.of("Where are my keys?", f"I do not know your PIN. {STOCK}"))
    assert not question.is_repeated_by(Said.of("My PIN is 1234.", f"I do not know your PIN. {STOCK}"))


@given(st.text(max_size=300), st.text(max_size=300))
def test_an_exchange_repeats_itself(message: str, response: str) -> None:
    said = Said.of(message, response)
    assert said.is_repeated_by(said)


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_an_exchange_that_states_something_else_is_no_repetition(a: str, b: str, c: str, d: str) -> None:
    first, second = Said.of(a, b), Said.of(c, d)
    if any(not any(statement <= known for known in first.stated) for statement in second.stated):
        assert not first.is_repeated_by(second)


@pytest.mark.parametrize("run", ["(", ", ", "- ", " ", ";"])
def test_a_run_of_punctuation_takes_little_time(run: str) -> None:
    # The time of the processor, not of the clock. It was 38 seconds, in which nothing else ran.
    started = time.thread_time()
    Said.of(f"I live in Rome{run * (20_000 // len(run))}x", run * (20_000 // len(run)))
    assert time.thread_time() - started < 2.0


@pytest.mark.parametrize(
    "closing", [", please.", " - as I said before", "; thanks!", " , – BTW...", ", like I told you already \n"]
)
def test_a_closing_phrase_states_nothing(closing: str) -> None:
    assert Said.of(f"I live in Rome{closing}", "").stated == Said.of("I live in Rome.", "").stated
