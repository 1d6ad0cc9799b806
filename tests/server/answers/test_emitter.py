"""The emitter of an answer's frames times pieces of text and notes faults of its receiver."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest

from server.answers.emitter import Emitter
from streaming.wire import AnswerFrame, WsStreamStart


async def away(frame: AnswerFrame) -> None:
    raise AssertionError(frame)


def test_the_time_between_begin_and_end_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((1.0, 3.0, 10.0, 10.5))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    timed: list[float] = []
    emit = Emitter(away, timed.append)
    for _ in range(2):
        emit.begin()
        emit.end()
    assert timed == [2.0, 0.5]


async def test_a_fault_of_the_receiver_is_noted_also_when_it_waits() -> None:
    async def broken(frame: AnswerFrame) -> None:
        raise OSError(repr(frame))

    emit = Emitter(broken, lambda _: None)
    waits = emit(WsStreamStart(request_id=uuid4(), agent="task_agent"))
    assert waits is not None
    with pytest.raises(OSError, match="task_agent") as raised:
        await waits
    assert emit.raised is raised.value
