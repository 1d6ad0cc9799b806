"""The emitter of an answer's frames times some of the pieces of text."""

from __future__ import annotations

import time

import pytest

from server.answers.emitter import Emitter
from streaming.wire.stream_text import AnswerFrame


async def away(frame: AnswerFrame) -> None:
    raise AssertionError(frame)


def test_one_piece_of_sixteen_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(second) for second in range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    timed: list[float] = []
    emit = Emitter(away, timed.append)
    for _ in range(33):
        emit.begin()
        emit.end()
    assert timed == [1.0, 1.0, 1.0]
