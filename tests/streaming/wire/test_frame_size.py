"""The bound of the values in one frame: texts may be long, lists may not."""

from __future__ import annotations

import json

import pytest

from streaming.wire import ErrorCode, FrameError, WsFrameType, decode_client_frame
from streaming.wire.frame_size import MAX_VALUES, has_too_many_values

LONG = "x" * 70_000


@pytest.mark.parametrize(
    "value",
    [
        ["a, [b], {c}" * 100_000],
        ['\\" , [' * 100_000],
        ["\\" * 99_999 + '"' + "," * 100_000],
        {"title": "," * 900_000},
        [[]] * (MAX_VALUES // 2 - 100),
        {f"key {number}": "a value" for number in range(MAX_VALUES - 100)},
    ],
)
def test_long_texts_and_many_values_up_to_the_limit_pass(value: object) -> None:
    assert not has_too_many_values(json.dumps([LONG, value], separators=(",", ":")))


@pytest.mark.parametrize(
    "value",
    [
        [[]] * MAX_VALUES,
        [1] * (MAX_VALUES + 1),
        {str(number): 0 for number in range(MAX_VALUES + 1)},
        ["\\"] * (MAX_VALUES + 1),
        ['"'] * (MAX_VALUES + 1),
    ],
)
def test_too_many_values_are_found(value: object) -> None:
    text = json.dumps([LONG, value])
    assert has_too_many_values(text)
    assert has_too_many_values(text[:-2])  # it need not be valid


def test_texts_that_are_not_counted_are_short() -> None:
    assert not has_too_many_values("[" * 65_536)
    assert has_too_many_values("[" * 65_537)
    assert has_too_many_values('""' * 1_000_000)


def test_a_frame_with_too_many_values_is_refused_before_it_is_parsed() -> None:
    call_id = "6f1c1d66-6f3f-4a53-93f6-0b6e0d0f7a5a"
    frame = {"type": "tool_result", "call_id": call_id, "ok": True, "data": {"items": [[]] * 30_000}}
    with pytest.raises(FrameError, match=f"more than {MAX_VALUES} JSON values") as refused:
        decode_client_frame(json.dumps(frame))
    assert refused.value.code is ErrorCode.INVALID_FRAME
    assert refused.value.subject.frame_type is WsFrameType.TOOL_RESULT
    assert str(refused.value.subject.call_id) == call_id
