"""Reasoning in all the spellings that models use, cut at every position."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.dialects.reasoning_text import Piece, ReasoningHabit, ReasoningText

BLOCKS = '[{"type":"text","content":"Two."}]'
LONG = "The user wants tasks. " * 100
HARMONY = "<|channel|>analysis<|message|>secret<|end|><|start|>assistant<|channel|>final<|message|>"


def read(parts: list[str], habit: ReasoningHabit | None = None, *, cut: bool = False) -> list[Piece]:
    """The pieces of the text, as the decoder reads them, with adjacent pieces of one kind joined."""
    reader = ReasoningText(habit)
    pieces: list[Piece] = []
    for part in parts:
        if reader.is_answer(part):
            pieces.append(("answer", part))
        else:
            pieces += reader.feed(part)
    joined: list[Piece] = []
    for kind, text in pieces + reader.close(cut=cut) + reader.close():
        if joined and joined[-1][0] == kind:
            joined[-1] = (kind, joined[-1][1] + text)
        elif text:
            joined.append((kind, text))
    return joined


def of_kind(pieces: list[Piece], kind: str) -> str:
    return "".join(text for found, text in pieces if found == kind)


CASES = [
    # In front of the answer, in all spellings.
    ("<think>\nhm\n</think>\n\nHi", "\nhm\n", "Hi"),
    ("<thinking>hm</thinking>Hi", "hm", "Hi"),
    ("<thought>hm</thought>\n" + BLOCKS, "hm", BLOCKS),
    ("<thinking>hm</think>\n" + BLOCKS, "hm", BLOCKS),
    ("<think>hm</reasoning>Hi", "hm", "Hi"),
    ("<reasoning>hm</reasoning>\n" + BLOCKS, "hm", BLOCKS),
    ("<seed:think>hm</seed:think>Hi", "hm", "Hi"),
    ("[THINK]secret[/THINK]" + BLOCKS, "secret", BLOCKS),
    ("◁think▷hm◁/think▷Hi", "hm", "Hi"),
    ("<|START_THINKING|>hm<|END_THINKING|>Hi", "hm", "Hi"),
    ("<think></think>\n", "", ""),
    ("<think>a </thin b </think>c", "a </thin b ", "c"),
    ("<think>never </thi", "never </thi", ""),
    ("<think>a [THINK] b</think>c", "a [THINK] b", "c"),
    ("</think>\n\n" + BLOCKS, "", BLOCKS),
    # Without an opening tag.
    ("The user wants tasks.\n</think>\n\n" + BLOCKS, "The user wants tasks.\n", BLOCKS),
    (LONG + "</think>" + BLOCKS, LONG, BLOCKS),
    ("I look.\n</think>The answer", "I look.\n", "The answer"),
    ("I'll list the tasks.</think>" + BLOCKS, "I'll list the tasks.", BLOCKS),
    ("I see two tasks" + ", and more" * 12 + ".", "", None),
    ("Now you have two.", "", None),
    ("Okay, the user asks for tasks.</think>Two.", "Okay, the user asks for tasks.", "Two."),
    ("I need to list tasks.</think>" + BLOCKS, "I need to list tasks.", BLOCKS),
    ("用户想要任务。</think>两个。", "用户想要任务。", "两个。"),
    # Tags that may be words of an answer: with their closing tag, and no sentence that goes on.
    ("<scratchpad>hm</scratchpad>\n\n" + BLOCKS, "hm", BLOCKS),
    ("<analysis>\nTwo tasks.\n</analysis>\n\nYou have two.", "\nTwo tasks.\n", "You have two."),
    ("<Reflection>hm</reflection>Two.", "hm", "Two."),
    ("<think>a</think><reflection>b</reflection>Two.", "ab", "Two."),
    ("<analysis>a</analysis>\n<scratchpad>b</scratchpad>\nTwo.", "ab", "Two."),
    (BLOCKS + "\n<reflection>b</reflection>\n" + BLOCKS, "b", BLOCKS + "\n" + BLOCKS),
    ("One.\n<reflection>b</reflection>\nTwo.", "b", "One.\nTwo."),
    ('[{"type":"text","content":"<analysis>a</analysis>Two."}]', "a", '[{"type":"text","content":"Two."}]'),
    ("The user wants two.</analysis>Two.", "The user wants two.", "Two."),
    ("</scratchpad>\nTwo.", "", "Two."),
    ("<analysis>You have two.", "You have two.", None),
    ("<analysis>You have two.</analysis>", "You have two.", "You have two."),
    ("<scratchpad>One.</scratchpad>\n<analysis>Two.</analysis> \n", "One.Two.", "One.Two."),
    ("<analysis> and </analysis> are tags.", " and ", None),
    ("<analysis>, </analysis>: two tags.", ", ", None),
    ("<analysis> is a tag.", " is a tag.", None),
    ("One.\n<analysis> is a tag.", " is a tag.", None),
    ("One <analysis>x</analysis> two.", "", None),
    ("Use `<scratchpad>` and\n`</scratchpad>`.", "", None),
    ("One.\n</analysis> closes it.", "", None),
    ("```xml\n<analysis>x</analysis>\n```", "", None),
    ("<analyst>x</analyst>", "", None),
    ("<analysis></analysis>", "", ""),
    # Harmony.
    (HARMONY + BLOCKS, "secret", BLOCKS),
    ("<|start|>assistant" + HARMONY + BLOCKS + "<|return|>", "secret", BLOCKS),
    (HARMONY + "One.<|end|><|start|>assistant<|channel|>analysis<|message|>more<|end|>", "secretmore", "One."),
    # Several, between the parts of an answer.
    ("<think>a</think><think>b</think>" + BLOCKS, "ab", BLOCKS),
    ("<think>a</think>" + BLOCKS + "\n<think>b</think>\n" + BLOCKS, "ab", BLOCKS + "\n" + BLOCKS),
    ("Hi\n<think>b</think>there", "b", "Hi\nthere"),
    (BLOCKS + "[THINK]b[/THINK]", "b", BLOCKS),
    ("<think>a</think>One. <think>b</think>Two.", "ab", "One. Two."),
    ("<think>a</think>Eins! <think>b</think> Zwei? <think>c", "abc", "Eins! Zwei? <think>c"),
    # In a text of an answer in JSON, and in any letter case.
    ('[{"type":"text","content":"<think>secret</think>Two."}]', "secret", '[{"type":"text","content":"Two."}]'),
    ('{"answer": "<Think>secret</THINK>\\nTwo."}', "secret", '{"answer": "\\nTwo."}'),
    ("<Think>hm</Think>Hi", "hm", "Hi"),
    # Without an opening tag, by other first words.
    ("Let me look at the tasks.\n</think>\n\nYou have two.", "Let me look at the tasks.\n", "You have two."),
    ("Hmm, two?</think>You have two.", "Hmm, two?", "You have two."),
    ("The request is about tasks.\n</think>\n\nTwo.", "The request is about tasks.\n", "Two."),
    ("They want their tasks.\n</think>Two.", "They want their tasks.\n", "Two."),
    ("Der Nutzer fragt nach Aufgaben.\n</think>Zwei.", "Der Nutzer fragt nach Aufgaben.\n", "Zwei."),
    ("El usuario pide tareas.</think>Dos.", "El usuario pide tareas.", "Dos."),
    ("<|channel>thought\nplan<channel|>Two.", "\nplan", "Two."),
    ("<|begin_of_thought|>plan<|end_of_thought|>Two.", "plan", "Two."),
    ("A plan without a sign.\n</think>\n\nYou have two.", "", "A plan without a sign.\nYou have two."),
    # In a code fence, tags are part of the answer.
    ("Here:\n```html\n<think>\nx\n</think>\n```\nend", "", None),
    ("```html\n<think>\nx\n</think>\n```\n<think>y</think>end", "y", "```html\n<think>\nx\n</think>\n```\nend"),
    # No tags.
    ("\n <think>hm</think>Hi <think>no</think>", "hm", "Hi <think>no</think>"),
    ("<thin", "", "<thin"),
    ("[TH", "", "[TH"),
    ("[THE] list", "", "[THE] list"),
    ('  {"a": "<think>"}', "", '  {"a": "<think>"}'),
    ('[{"type":"text","content":"Write <think> first, </think> last."}]', "", None),
    ("a < b and [c] <|d|> e", "", None),
    ("The <|end|> is near", "", None),
    ("Okay, here you are.", "", None),
    ("<|channel|>" + "x" * 500, "", "x" * 500),
    ("", "", ""),
    (" \n", "", " \n"),
]


WHOLE_WORDS = [
    ("Alright, two.\n</think>\nYou have two.", "Alright, two.\n", "You have two."),
    ("First, I count.\n</think>\nYou have two.", "First, I count.\n", "You have two."),
    ("So the list has two.</think>You have two.", "So the list has two.", "You have two."),
    ("First, wash it. Then dry it.", "", None),
    ("Alright" + ", and so on" * 40 + ".", "", None),
    ("So far you have two.", "", None),
    ("All of them are done.", "", None),
]


@pytest.mark.parametrize("size", [2, 3, 7, 1000])
@pytest.mark.parametrize(("text", "reasoning", "answer"), WHOLE_WORDS)
def test_reasoning_is_told_by_whole_words(text: str, reasoning: str, answer: str | None, size: int) -> None:
    pieces = read([text[at : at + size] for at in range(0, len(text), size)])
    assert "".join(piece for kind, piece in pieces if kind == "reasoning") == reasoning
    assert "".join(piece for kind, piece in pieces if kind == "answer") == (text if answer is None else answer)


def test_one_letter_is_shown_at_once() -> None:
    for letter in "AaFfSs":
        assert ReasoningText().feed(letter) == [("answer", letter)]


@pytest.mark.parametrize(("text", "reasoning", "answer"), CASES)
def test_reasoning_and_answer_at_every_split(text: str, reasoning: str, answer: str | None) -> None:
    expected = (reasoning, text if answer is None else answer)
    places = range(len(text) + 1) if len(text) < 300 else random.Random(5).sample(range(len(text)), 30)
    splits = [[text[:at], text[at:]] for at in places] + [list(text)]
    for parts in splits:
        pieces = read([part for part in parts if part])
        assert (of_kind(pieces, "reasoning"), of_kind(pieces, "answer")) == expected, parts


def test_text_that_only_looks_like_reasoning_is_the_answer() -> None:
    text = "The user manual is in the drawer."
    for parts in ([text], list(text)):
        assert of_kind(read(parts), "answer") == text


def test_an_ordinary_answer_is_not_held_back() -> None:
    reader = ReasoningText()
    assert [reader.feed(part) for part in ("Good", " morning", "\n", "Two")] == [
        [("answer", "Good")],
        [("answer", " morning")],
        [("answer", "\n")],
        [("answer", "Two")],
    ]


def test_a_likely_beginning_holds_back_no_more_than_some_words() -> None:
    reader = ReasoningText()
    shown = 0
    for at in range(100):
        shown += sum(len(text) for kind, text in reader.feed("Okay, " if at == 0 else "tasks ") if kind == "answer")
        assert (at + 1) * 6 - shown <= 420
    assert shown > 0


def test_white_space_without_an_end_is_given_after_200_characters() -> None:
    reader = ReasoningText()
    assert reader.feed("\n" * 200) == []
    assert reader.feed("\n") == [("answer", "\n" * 201)]
    assert read(["\n" * 300, "<think>a</think>", "b"])[1:] == [("reasoning", "a"), ("answer", "b")]


def test_a_model_that_once_reasoned_without_an_opening_tag_is_remembered() -> None:
    habit = ReasoningHabit()
    first = read(["I should look.", "</think>", "Two."], habit)
    assert first == [("reasoning", "I should look."), ("answer", "Two.")]
    assert habit == ReasoningHabit(unopened=True)
    second = read(["Seltsam, ", "was will er?", "</think>", "Zwei."], habit)
    assert second == [("reasoning", "Seltsam, was will er?"), ("answer", "Zwei.")]
    # Reasoning may be off in the next call: the answer is then shown late, and not lost.
    third = read(["Zwei ", "Aufgaben."], habit)
    assert third == [("reasoning", "Zwei Aufgaben."), ("answer", "Zwei Aufgaben.")]
    assert habit == ReasoningHabit(unopened=False)
    assert read(["Drei ", "Aufgaben."], habit) == [("answer", "Drei Aufgaben.")]


def test_json_is_never_held_back_whatever_the_model_did_before() -> None:
    reader = ReasoningText(ReasoningHabit(unopened=True))
    assert reader.feed('[{"') == [("answer", '[{"')]


def test_reasoning_without_tags_that_the_token_limit_cut_is_no_answer() -> None:
    pieces = read(["Hm, ", "let us see"], ReasoningHabit(unopened=True), cut=True)
    assert pieces == [("reasoning", "Hm, let us see")]


def test_a_doubtful_tag_is_reasoning_if_a_call_follows_or_the_answer_is_cut() -> None:
    for text in ("<analysis>I list them.</analysis>", "<analysis>I list them.</analysis>\n"):
        for parts in ([text], list(text)):
            reader = ReasoningText()
            pieces = [piece for part in parts for piece in reader.feed(part)] + reader.close(calls=True)
            assert of_kind(pieces, "answer") == ""
    assert read(["<analysis>I li"], cut=True) == [("reasoning", "I li")]
    assert of_kind(read(["One.\n<analysis>I li"], cut=True), "answer") == "One.\n<analysis>I li"


def test_reasoning_that_came_apart_from_the_text_leaves_no_doubt() -> None:
    reader = ReasoningText(ReasoningHabit(unopened=True))
    reader.expect_no_tags()
    assert reader.feed("The user") == [("answer", "The user")]


@pytest.mark.parametrize(
    ("name", "unopened"),
    [
        ("Qwen3-4B-Thinking-2507", True),
        ("deepseek-ai/DeepSeek-R1", True),
        ("qwq-32b", True),
        ("gpt-5-mini", None),
        ("mr1x", None),
    ],
)
def test_the_name_of_a_model_is_a_first_guess(name: str, unopened: bool | None) -> None:
    assert ReasoningHabit.of_model(name).unopened is unopened


def test_a_call_in_harmony_is_a_tool_call() -> None:
    text = (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.list_tasks "
        '<|constrain|>json<|message|>{"limit":2}<|call|>'
    )
    for parts in ([text], list(text)):
        assert read(parts) == [("reasoning", "hm"), ("call", "list_tasks"), ("arguments", '{"limit":2}')]


WORDS = """<think> </think> [THINK] [/THINK] <|channel|> <|message|> <|end|> <|start|> final to=f [ ] { } < a"""


@given(
    st.lists(
        st.sampled_from([*WORDS.split(" "), "<analysis>", "</analysis>", "analysis", "a", " ", "\n", "The user "]),
        max_size=14,
    ),
    st.data(),
)
def test_a_split_never_changes_what_is_read(words: list[str], data: st.DataObject) -> None:
    text = "".join(words)
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True) if begin < end]
    whole = read([text] if text else [])
    assert read(parts) == whole
    assert read(list(text)) == whole
