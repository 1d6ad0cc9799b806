"""What a message asks of memory."""

from __future__ import annotations

import time

import pytest

from memory.rights.wishes import wish_of


@pytest.mark.parametrize(
    ("message", "previous"),
    [
        ("My PIN is 1234. Don't remember this.", False),
        ("My PIN is 1234. Please do not store this message!", False),
        ("Off the record: I am looking for a new job.", False),
        ("This is off the record. I am looking for a new job.", False),
        ("Off the record, what would you do?", False),
        ("Keep this between us. I quit.", False),
        ("Can you please not save this? My boss is leaving.", False),
        ("Meine PIN ist 1234. Merk dir das nicht.", False),
        ("Mon code est 1234. Ne retiens pas ça.", False),
        ("Mi PIN es 1234. No recuerdes esto.", False),
        ("Don't remember this: my pin is 4711", False),
        ("my pin is 4713, don't remember this", False),
        ("Please don't remember this, my pin is 4711.", False),
        ("Don't save this - my pin is 4711", False),
        ("My pin is 4711 (please don't store this)", False),
        ("My pin is 4711 — keep this between us.", False),
        ("My pin is 4711 please don't remember it", False),
        ("my pin is 4711, but please don't remember this, ok?", False),
        ("What is the weather? My pin is 4711, do not save that!", False),
        ("Merk dir das nicht: meine PIN ist 4711", False),
        ("Meine PIN ist 4711, bitte merk dir das nicht", False),
        ("Mon code est 4711, ne retiens pas ça", False),
        ("No recuerdes esto: mi PIN es 4711", False),
        ("これは覚えないで：暗証番号は4711", False),
        ("暗証番号は4711、これは覚えないでください。", False),
        ("Don't remember that.", True),
        ("Please, don't remember that.", True),
        ("Don't remember this, please", True),
    ],
)
def test_messages_that_must_not_be_stored(message: str, previous: bool) -> None:
    wish = wish_of(message)
    assert wish is not None
    assert wish.not_stored
    assert wish.previous is previous


@pytest.mark.parametrize(
    ("message", "subject", "everything", "rest"),
    [
        ("Forget my landlord's number.", "my landlord's number", False, ""),
        ("please forget my landlord's number", "my landlord's number", False, ""),
        ("Could you forget my landlord's number, please?", "my landlord's number", False, ""),
        ("Forget that I live in Berlin.", "I live in Berlin", False, ""),
        ("Forget everything about Piet.", "Piet", True, ""),
        ("Forget everything you know about my divorce!", "my divorce", True, ""),
        ("Forget what I told you about Clara.", "Clara", False, ""),
        ("Remove my phone number from memory", "my phone number", False, ""),
        ("Could you delete my landlord's number from your memory, please?", "my landlord's number", False, ""),
        ("Delete what you know about my ex.", "my ex", False, ""),
        ("Please erase everything you remember about Piet from your memory.", "Piet", True, ""),
        ("Forget my PIN. My dentist is Dr. Smith.", "my PIN", False, "My dentist is Dr. Smith."),
        ("Vergiss meine PIN.", "meine PIN", False, ""),
        ("Oublie mon numéro.", "mon numéro", False, ""),
        ("Olvida mi dirección.", "mi dirección", False, ""),
    ],
)
def test_messages_that_ask_to_forget_something(message: str, subject: str, everything: bool, rest: str) -> None:
    wish = wish_of(message)
    assert wish is not None
    assert (wish.subject, wish.everything, wish.rest) == (subject, everything, rest)
    assert wish.not_stored is (rest == "")


def test_the_message_before_is_forgotten() -> None:
    for message in (
        "Forget what I just said.",
        "Please forget I said that.",
        "Delete my last message",
        "Please delete that from your memory.",
        "今言ったことは忘れてください。",
    ):
        wish = wish_of(message)
        assert wish is not None
        assert wish.previous


@pytest.mark.parametrize(
    "message",
    [
        "Don't forget the milk.",
        "Don't forget my birthday!",
        "Delete my phone number.",
        "Remove my dentist task, please",
        "Delete everything about Piet.",
        "I forgot my keys.",
        "I don't remember this movie.",
        "Do you remember this?",
        "Never forget my anniversary.",
        "What does 'off the record' mean?",
        'She said: "forget my number". What should I do?',
        "Forget it, let's do something else.",
        "Forget my last point and summarise the rest.",
        "The minister spoke off the record about taxes.",
        "Don't store the milk outside.",
        "Don't store it, eat it.",
        "I saw the film, but I don't remember this.",
        "Explain between us and them, the minister said off the record things",
        "Who said, 'don't remember this: my pin'?",
        "Remind me not to forget my passport.",
        "Will they forget my name?",
        "",
    ],
)
def test_messages_without_a_wish(message: str) -> None:
    assert wish_of(message) is None


@pytest.mark.parametrize(
    "unit", [",", "( ", "- ", "please, ", "and but ", "forget my x, please ", "„", "` „", " \t", "? "]
)
@pytest.mark.parametrize("begun", ["", "forget my x", "don't remember this"])
def test_a_long_message_does_not_hold_up_the_server(begun: str, unit: str) -> None:
    message = f"{begun} {unit * 20_000}"[:20_000] + "x"
    began = time.process_time()
    wish_of(message)
    assert time.process_time() - began < 0.5  # two minutes for commas while the work was quadratic


def test_quotes_that_do_not_end_quote_nothing() -> None:
    assert wish_of('The shelf is 6" wide. Forget my PIN.') is not None
    assert wish_of('The shelf is 6" wide. She said: "forget my PIN"') is None
