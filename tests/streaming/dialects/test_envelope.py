"""The short way for events that differ in their text alone gives what parsing them in full gives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.chat import ContentDelta, Delta
from streaming.dialects import DIALECTS
from streaming.dialects.envelope import Envelope, learn
from streaming.dialects.sse import SseDecoder
from streaming.model.decoder import ResponseDecoder

PATH = ("choices", 0, "delta", "content")


def openai(text: object, **more: Any) -> dict[str, Any]:
    return {"id": "c1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}


def anthropic(text: object) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def event(payload: object, before: str = "", end: str = "\n\n", *, ascii_only: bool = False) -> str:
    return f"{before}data: {json.dumps(payload, ensure_ascii=ascii_only)}{end}"


def in_full(dialect: str, stream: bytes) -> list[Delta]:
    """What the SSE decoder and the dialect give by themselves."""
    sse, payloads = SseDecoder(), DIALECTS[dialect].decoder()
    deltas = [delta for event in sse.feed(stream) for delta in payloads.feed(event)]
    last = sse.close()
    return merged(deltas + (payloads.feed(last) if last is not None else []) + payloads.close())


def decoded(dialect: str, parts: Sequence[bytes]) -> tuple[list[Delta], ResponseDecoder]:
    decoder = ResponseDecoder(DIALECTS[dialect].decoder(), max_bytes=1 << 20, max_event_bytes=1 << 16)
    deltas = [delta for part in parts for delta in decoder.feed(part)]
    return merged(deltas + decoder.close()), decoder


def merged(deltas: Sequence[Delta]) -> list[Delta]:
    """Texts in a row as one."""
    result: list[Delta] = []
    for delta in deltas:
        last = result[-1] if result else None
        if isinstance(delta, ContentDelta) and isinstance(last, ContentDelta):
            result[-1] = ContentDelta(last.text + delta.text)
        else:
            result.append(delta)
    return result


TEXTS = st.text(st.one_of(st.sampled_from('ab "\\\n\u2028é😀/<think>\ud83d\ude00'), st.characters()), max_size=6)
OTHERS = st.sampled_from(
    [
        openai("end") | {"usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        openai("x") | {"error": {"message": "no"}},
        {"choices": [{"index": 1, "delta": {"content": "second"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a", "refusal": "b"}}]},
        {"choices": [{"index": 0, "delta": {"reasoning": "r"}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"id": "t", "function": {"name": "f"}}]}}]},
        {"choices": [{"index": 0, "delta": {"content": "f"}, "finish_reason": "stop"}]},
        {"choices": []},
        anthropic("a"),
    ]
)
PAYLOADS = st.one_of(
    st.builds(openai, TEXTS),
    st.builds(lambda text, pad: openai(text, obfuscation=pad), TEXTS, TEXTS),
    st.builds(lambda text, pad: {"obfuscation": pad, **openai(text)}, TEXTS, TEXTS),
    st.builds(lambda text: openai(text, note=text, content=text), TEXTS),
    st.builds(anthropic, TEXTS),
    OTHERS,
)
EVENTS = st.one_of(
    st.builds(
        event,
        PAYLOADS,
        st.sampled_from(["", "", "", "event: m\n", ": ping\n\n", "id: 7\n", "event: error\n"]),
        st.sampled_from(["\n\n", "\n\n", "\n\n", "\r\n\r\n", "\n\n\n", "\ndata:\n\n", "\n: x\n\n"]),
        ascii_only=st.booleans(),
    ),
    st.sampled_from(["data: [DONE]\n\n", "data: {\n\n", "\n", "\ufeff", "error: x\n\n", 'data: "a"\n\n']),
)


@given(
    st.lists(st.one_of(EVENTS, st.integers(0, 30)), max_size=20),
    st.lists(st.integers(1, 300), min_size=1),
    st.sampled_from(["openai-chat", "anthropic-messages"]),
)
def test_the_same_as_in_full(parts: list[str | int], sizes: list[int], dialect: str) -> None:
    events: list[str] = []
    for part in parts:  # a number repeats an event, which is what providers do
        events.append(part if isinstance(part, str) else events[part % len(events)] if events else "")
    stream = "".join(events).encode("utf-8", "replace")
    chunks, at = [], 0
    for number in range(len(stream)):
        if at >= len(stream):
            break
        size = sizes[number % len(sizes)]
        chunks.append(stream[at : at + size])
        at += size
    whole = in_full(dialect, stream)
    for cut in (chunks, [part.encode("utf-8", "replace") for part in events], [stream]):
        assert decoded(dialect, cut)[0] == whole


@pytest.mark.parametrize(
    "around",
    [
        {},
        {"obfuscation": "xy"},
        {"usage": None, "obfuscation": ""},
        {"system_fingerprint": "fp", "note": "first"},
    ],
)
def test_the_short_way_is_taken(around: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        event(openai(text, **around)).encode() for text in ("first", "second", 'th"i\\rd\n', "fo é 😀", "x" * 200)
    ]
    decoder = ResponseDecoder(DIALECTS["openai-chat"].decoder(), max_bytes=1 << 20, max_event_bytes=1 << 16)
    assert decoder.feed(b": hello\n\n") == []
    assert decoder.feed(events[0]) == [ContentDelta("first")]
    monkeypatch.setattr("streaming.dialects.payload_decoder.json.loads", lambda _: pytest.fail("parsed in full"))
    assert decoder.feed(events[1]) == [ContentDelta("second")]
    assert decoder.feed(b"".join(events[2:])) == [ContentDelta('th"i\\rd\nfo é 😀' + "x" * 200)]


def test_padding_may_be_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = ResponseDecoder(DIALECTS["openai-chat"].decoder(), max_bytes=1 << 20, max_event_bytes=1 << 16)
    decoder.feed(b": hello\n\n")
    decoder.feed(event(openai("a", obfuscation="xyz")).encode())
    monkeypatch.setattr("streaming.dialects.payload_decoder.json.loads", lambda _: pytest.fail("parsed in full"))
    for padding in ("", "x", "long" * 20, 'q"\\'):
        assert decoder.feed(event(openai("b", obfuscation=padding)).encode()) == [ContentDelta("b")]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (event(openai("a")), "b"),
        (event(openai("a"), end="\n"), "b"),
        (event(openai("probe")), "probe"),
        (event(openai("a")).replace("\n", "\r"), "a"),
        (event(openai("a"), before=f": {json.dumps(openai('a'))}\n"), "a"),
        (event(openai("a", usage={"total_tokens": 1})), "a"),
        (event({"choices": [{"delta": {"text": "a"}}]}), "a"),
        (event({"choices": "a"}), "a"),
    ],
)
def test_what_is_not_learnt(source: str, text: str) -> None:
    payload = source.strip().rpartition("data: ")[2]
    assert learn(source, payload, text, PATH) is None


def test_the_right_one_of_equal_strings_is_the_text() -> None:
    payload = '{"a": "x", "choices": [{"delta": {"content": "x", "content": "x"}}], "x": "x"}'
    envelope = learn(f"data: {payload}\n\n", payload, "x", PATH)
    assert envelope is not None
    assert (
        envelope.read('data: {"a": "x", "choices": [{"delta": {"content": "x", "content": "new"}}], "x": "x"}\n\n', 0)[
            0
        ]
        == "new"
    )
    assert (
        envelope.read('data: {"a": "new", "choices": [{"delta": {"content": "x", "content": "x"}}], "x": "x"}\n\n', 0)[
            0
        ]
        == ""
    )
    assert str(len(f"data: {payload}\n\n") - 1) in repr(envelope)


def test_events_that_are_numbered_are_soon_not_learnt_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt = []

    def noted(*arguments: Any) -> Envelope | None:
        learnt.append(learn(*arguments))
        return learnt[-1]

    monkeypatch.setattr("streaming.model.decoder.learn", noted)
    decoder = ResponseDecoder(DIALECTS["openai-chat"].decoder(), max_bytes=1 << 20, max_event_bytes=1 << 16)
    decoder.feed(b"\n")
    for number in range(20):
        assert decoder.feed(event(openai("a", number=number)).encode()) == [ContentDelta("a")]
    assert len(learnt) == 4
