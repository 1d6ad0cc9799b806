"""What shows nothing is not sent, and special tokens are dropped from the end of an answer."""

from __future__ import annotations

from uuid import UUID

import pytest

from agents.binding import Binder
from agents.tool_results import ToolResults
from streaming.answer.home import HomeFormatter
from streaming.answer.popup import PopupFormatter
from streaming.wire.stream_text import StreamText

REQUEST = UUID(int=7)


def home() -> HomeFormatter:
    return HomeFormatter(REQUEST, ToolResults().resolve, Binder(ToolResults()).bind)


def popup() -> PopupFormatter:
    return PopupFormatter(REQUEST, ToolResults().resolve, Binder(ToolResults()).bind)


def texts(formatter: HomeFormatter | PopupFormatter, written: str, size: int) -> list[str]:
    """The text of each block, without white space at its end."""
    shown: dict[int, str] = {}
    tokens = [written[at : at + size] for at in range(0, len(written), size)]
    for frame in [*(frame for token in tokens for frame in formatter.feed(token)), *formatter.close()]:
        assert isinstance(frame, StreamText)
        shown[frame.block] = shown.get(frame.block, "") + frame.chunk
    return [text.rstrip() for text in shown.values()]


UNSEEN = [
    *("None", "null"),
    *("</s>", "<|im_end|>", "<br>", "<!-- x -->", "**  **", '[{"type":"te', "{}", "[null]", '""'),
    *(
        '[{"type":"list","items":[]}]',
        "```json\n",
        "```\n",
        '[{"type":"text","content":"</s>"}]',
        "\n\n<end_of_turn>\n",
    ),
]


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize("written", UNSEEN)
def test_what_shows_nothing_is_not_sent(written: str, size: int) -> None:
    for formatter in (home(), popup()):
        assert texts(formatter, written, size) == []
        assert formatter.shown == 0


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Hi.</s>", ["Hi."]),
        ("Hi. <|im_end|>\n", ["Hi."]),
        ('[{"type":"text","content":"Hi."}]\n<|eot_id|><|im_end|>', ["Hi."]),
        ("Hi.<｜end▁of▁sentence｜>", ["Hi."]),
        ("Hi. [/INST]", ["Hi."]),
        ("Close it with </s> there.", ["Close it with </s> there."]),
        ("The tag is `</s>`", ["The tag is `</s>`"]),
        ("a < b [", ["a < b ["]),
        ("nul", ["nul"]),
        ("[] is it", ["[] is it"]),
        ('nul[{"type":"text","content":"a"}]', ["nul", "a"]),
    ],
)
def test_special_tokens_are_dropped_from_the_end_alone(written: str, shown: list[str], size: int) -> None:
    for formatter in (home(), popup()):
        assert texts(formatter, written, size) == shown
        assert formatter.shown == len(shown)
