"""Every dialect reads reasoning and calls in the model's text in the same way."""

from __future__ import annotations

import pytest

from streaming.chat import ContentDelta, Delta, FinishDelta, FinishReason, ReasoningDelta, ToolCallDelta
from streaming.dialects import DIALECTS, ModelHabits, ReasoningHabit
from streaming.model.decoder import ResponseDecoder
from tests.streaming.dialects.test_reasoning_text import CASES, WHOLE_WORDS
from tests.streaming.dialects.text_streams import REASONING, TEXT, Payload, event, payloads

EACH_DIALECT = pytest.mark.parametrize("dialect", list(DIALECTS))


def decoder_of(dialect: str, habits: ModelHabits | None = None) -> ResponseDecoder:
    return ResponseDecoder(DIALECTS[dialect].decoder(habits), max_bytes=1 << 24, max_event_bytes=1 << 20)


def decoded(
    dialect: str, parts: list[str], habits: ModelHabits | None = None, *, cut: bool = False, at_once: bool = False
) -> list[Delta]:
    """The deltas of an answer whose text arrives in `parts`: an event per read, or all of them `at_once`."""
    decoder = decoder_of(dialect, habits)
    reads = [event(payload) for payload in payloads(dialect, parts, cut=cut)]
    reads = [b"".join(reads)] if at_once else reads
    return [delta for read in reads for delta in decoder.feed(read)] + decoder.close()


def texts(deltas: list[Delta]) -> tuple[str, str]:
    """All reasoning, and the whole answer."""
    return (
        "".join(delta.text for delta in deltas if isinstance(delta, ReasoningDelta)),
        "".join(delta.text for delta in deltas if isinstance(delta, ContentDelta)),
    )


@EACH_DIALECT
@pytest.mark.parametrize(
    ("text", "reasoning", "answer", "least"), [(*case, 1) for case in CASES] + [(*case, 2) for case in WHOLE_WORDS]
)
def test_all_spellings(text: str, reasoning: str, answer: str | None, least: int, dialect: str) -> None:
    expected = (reasoning, text if answer is None else answer)
    sizes = (least, 3, 8, len(text) or 1)
    splits = [[text[at : at + size] for at in range(0, len(text), size)] for size in sizes]
    for parts in splits:
        assert texts(decoded(dialect, parts)) == expected
    assert texts(decoded(dialect, splits[1], at_once=True)) == expected


@EACH_DIALECT
def test_a_call_in_harmony(dialect: str) -> None:
    text = (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.list_tasks "
        '<|constrain|>json<|message|>{"limit":2}<|call|><|start|>assistant<|channel|>commentary to=functions.ping'
        "<|message|><|call|>"
    )
    deltas = decoded(dialect, [text[at : at + 5] for at in range(0, len(text), 5)])
    calls = [delta for delta in deltas if isinstance(delta, ToolCallDelta)]
    assert [(call.index, call.name) for call in calls if call.name] == [(0, "list_tasks"), (1, "ping")]
    assert ["".join(call.arguments for call in calls if call.index == index) for index in (0, 1)] == [
        '{"limit":2}',
        "{}",
    ]
    assert texts(deltas) == ("hm", "")
    assert deltas[-1] == FinishDelta(FinishReason.TOOL_CALLS)


@EACH_DIALECT
def test_an_ordinary_answer_is_not_held_back(dialect: str) -> None:
    decoder = decoder_of(dialect)
    for part in ("Good", " morning", "\n", "Two <b"):
        assert decoder.feed(event(TEXT[dialect](part))) == [ContentDelta(part)]


@EACH_DIALECT
def test_the_first_words_hold_nothing_back_where_reasoning_has_a_place(dialect: str) -> None:
    thinks = ReasoningHabit.of_model("claude-sonnet-thinking")
    for words in ("The user", "Okay, ", "I'll ", "Thoughts"):
        decoder = decoder_of(dialect, ModelHabits(reasoning=thinks, separates_reasoning=True))
        assert decoder.feed(event(TEXT[dialect](words))) == [ContentDelta(words)]
    # An opening tag counts all the same.
    tagged = decoded(dialect, ["<thin", "k>hm</think>", "Two."], ModelHabits(separates_reasoning=True))
    assert texts(tagged) == ("hm", "Two.")


@EACH_DIALECT
def test_the_first_words_hold_nothing_back_after_separate_reasoning(dialect: str) -> None:
    decoder = decoder_of(dialect)
    assert decoder.feed(event(REASONING[dialect]("hm"))) == [ReasoningDelta("hm")]
    assert decoder.feed(event(TEXT[dialect]("The user"))) == [ContentDelta("The user")]


@EACH_DIALECT
def test_the_model_is_remembered(dialect: str) -> None:
    habits = ModelHabits()
    assert texts(decoded(dialect, ["I should look.", "</think>", "Two."], habits)) == ("I should look.", "Two.")
    assert texts(decoded(dialect, ["Seltsam. ", "</think>", "Zwei."], habits)) == ("Seltsam. ", "Zwei.")


@EACH_DIALECT
def test_reasoning_that_the_token_limit_cut_is_no_answer(dialect: str) -> None:
    for text in ("<think>The list has", "The user wants"):
        deltas = decoded(dialect, [text], cut=True)
        assert texts(deltas) == (text.removeprefix("<think>"), "")
        assert deltas[-1] == FinishDelta(FinishReason.LENGTH)


def test_a_refusal_follows_text_that_was_held_back() -> None:
    refusals: dict[str, Payload] = {
        "openai-chat": {"choices": [{"index": 0, "delta": {"refusal": "No."}}]},
        "openai-responses": {"type": "response.refusal.delta", "output_index": 1, "content_index": 0, "delta": "No."},
    }
    for dialect, refusal in refusals.items():
        for begun, answer in (("All", "All"), ("<think>hm", "")):
            decoder = decoder_of(dialect)
            deltas = decoder.feed(event(TEXT[dialect](begun))) + decoder.feed(event(refusal))
            assert texts(deltas)[1] == answer + "No."
            assert texts(decoder.feed(event(TEXT[dialect]("So it is.")))) == ("", "So it is.")


@pytest.mark.parametrize("again", [["<think>I count.</think>", "Two."], ["Two."]])
@pytest.mark.parametrize("begun", ["<think>I cou", "The user wants", "<thi"])
def test_a_message_that_starts_over_inside_reasoning_is_answered(begun: str, again: list[str]) -> None:
    decoder = decoder_of("anthropic-messages")
    first = payloads("anthropic-messages", [begun])[:3]
    deltas = [delta for payload in first for delta in decoder.feed(event(payload))]
    for payload in payloads("anthropic-messages", again):
        deltas += decoder.feed(event(payload))
    assert texts(deltas)[1] == "Two."
