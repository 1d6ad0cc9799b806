"""A replay of an answer shows only new parts, also if much was shown before."""

from __future__ import annotations

from uuid import uuid4

import pytest

from client.terminal.answer import AnswerFrame
from client.terminal.replay import Replay
from streaming.wire import WsRequestResult, WsStreamBlock, WsStreamText
from tests.client.peer import end, start, text

REQUEST = uuid4()
TABLE = {"headers": ["a"], "rows": [[1]]}


def whole(chunk: str, block: int = 0) -> WsStreamText:
    return WsStreamText(request_id=REQUEST, block=block, chunk=chunk, replace=True)


def table(block: int) -> WsStreamBlock:
    return WsStreamBlock(request_id=REQUEST, block=block, block_type="table", data=TABLE)


LIVE: list[AnswerFrame] = [
    start(REQUEST),
    text(REQUEST, "Good "),
    text(REQUEST, "morning"),
    table(1),
    text(REQUEST, "Bye", 2),
    text(REQUEST, "!", 2),
    end(REQUEST),
]
REPLAY: list[AnswerFrame] = [start(REQUEST), whole("Good morning"), table(1), whole("Bye!", 2), end(REQUEST)]


def shown(frames: list[AnswerFrame]) -> list[object]:
    """What a terminal has printed: the text of each block, and the other frames."""
    texts: dict[int, str] = {}
    others: list[object] = []
    for frame in frames:
        if isinstance(frame, WsStreamText):
            texts[frame.block] = texts.get(frame.block, "") + frame.chunk
        else:
            others.append((frame.type, getattr(frame, "block", None)))
    return [texts, others]


@pytest.mark.parametrize("cut", range(len(LIVE) - 1))
def test_after_a_cut_the_replay_completes_what_was_shown(cut: int) -> None:
    replay = Replay(REQUEST)
    frames = [new for frame in LIVE[:cut] for new in replay.new(frame)]
    frames += [new for frame in REPLAY for new in replay.new(frame)]
    assert shown(frames) == shown(LIVE)


@pytest.mark.parametrize("cut", range(len(LIVE) - 1))
def test_a_second_replay_shows_nothing_new(cut: int) -> None:
    replay = Replay(REQUEST)
    for frame in [*LIVE[:cut], *REPLAY[:-1]]:
        replay.new(frame)
    assert [new for frame in REPLAY[:-1] for new in replay.new(frame)] == []


def test_a_long_text_is_replayed_in_parts() -> None:
    replay = Replay(REQUEST)
    replay.new(text(REQUEST, "Good mor"))
    new = [
        frame for part in (whole("Go"), text(REQUEST, "od m"), text(REQUEST, "orning")) for frame in replay.new(part)
    ]
    assert [frame.chunk for frame in new if isinstance(frame, WsStreamText)] == ["ning"]


def test_another_text_is_shown_as_a_whole() -> None:
    replay = Replay(REQUEST)
    replay.new(text(REQUEST, "Good"))
    [new] = replay.new(whole("Bad"))
    assert isinstance(new, WsStreamText)
    assert new.chunk == "\nBad"


@pytest.mark.parametrize("cut", range(len(LIVE) - 1))
def test_a_kept_answer_completes_what_was_shown(cut: int) -> None:
    replay = Replay(REQUEST)
    frames = [new for frame in LIVE[:cut] for new in replay.new(frame)]
    result = WsRequestResult.model_validate(
        {
            "request_id": REQUEST,
            "status": "completed",
            "agent": "task_agent",
            "blocks": [
                {"block": 0, "block_type": "text", "content": "Good morning"},
                {"block": 1, "block_type": "table", "data": TABLE},
                {"block": 2, "block_type": "text", "content": "Bye!"},
            ],
            "mutations": [],
        }
    )
    frames += replay.new(result)
    assert shown(frames) == shown(LIVE)
