"""Typed decoding of plain text events gives the same deltas as the SSE decoder and the dialect's general decoder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.chat import ContentDelta, Delta
from streaming.dialects import DIALECTS
from streaming.dialects.sse import SseDecoder
from streaming.model.decoder import ResponseDecoder


def openai(text: object, **more: Any) -> dict[str, Any]:
    return {"id": "c1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}


def anthropic(text: object) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def responses(text: object, output: object = 0, content: object = 0, **more: Any) -> dict[str, Any]:
    place = {"item_id": "m1", "output_index": output, "content_index": content}
    return {"type": "response.output_text.delta", **place, "delta": text, **more}


def event(payload: object, before: str = "", end: str = "\n\n", *, ascii_only: bool = False) -> str:
    return f"{before}data: {json.dumps(payload, ensure_ascii=ascii_only)}{end}"


BEFORE = {
    "openai-chat": "",
    "openai-responses": "event: response.output_text.delta\n",
    "anthropic-messages": "event: content_block_delta\n",
}
PLAIN = {"openai-chat": openai, "openai-responses": responses, "anthropic-messages": anthropic}


def in_full(dialect: str, stream: bytes) -> list[Delta]:
    """The deltas of the SSE decoder and the general decoder."""
    sse, payloads = SseDecoder(), DIALECTS[dialect].decoder()
    deltas = [delta for event in sse.feed(stream) for delta in payloads.feed(event)]
    last = sse.close()
    return merged(deltas + (payloads.feed(last) if last is not None else []) + payloads.close())


def decoded(dialect: str, parts: Sequence[bytes]) -> tuple[list[Delta], ResponseDecoder]:
    decoder = ResponseDecoder(DIALECTS[dialect].decoder(), max_bytes=1 << 20, max_event_bytes=1 << 16)
    deltas = [delta for part in parts for delta in decoder.feed(part)]
    return merged(deltas + decoder.close()), decoder


def merged(deltas: Sequence[Delta]) -> list[Delta]:
    """The deltas with adjacent texts joined."""
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
        {"choices": [{"index": 0, "delta": {"content": "a"}}, {"index": 0, "delta": {"content": "b"}}]},
        {"choices": [{"index": 1.0, "delta": {"content": "a"}}]},
        {"choices": [{"index": None, "delta": {"content": "a"}}]},
        {"choices": [{"index": True, "delta": {"content": "a"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a", "reasoning_content": "r", "reasoning": ""}}]},
        {"choices": [{"index": 0, "delta": {"content": "a", "reasoning_content": "", "tool_calls": []}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}, "usage": {"prompt_tokens": 1}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": ""}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}, "error": {"code": "x"}}]},
        {"choices": [{"index": 0, "delta": {"content": None}, "text": "b"}]},
        {"choices": [{"index": 0, "message": {"content": "whole"}}]},
        {"choices": [{"index": 0, "delta": {"content": "a"}}], "x_groq": {"usage": {"completion_tokens": 2}}},
        {"choices": [{"index": 0, "delta": {"content": "a"}}], "object": "error", "message": "m"},
        anthropic("a"),
        anthropic(None),
        {"type": "content_block_delta", "delta": {"type": "thinking_delta", "text": "a", "thinking": "t"}},
        {"type": "message_stop", "delta": {"type": "text_delta", "text": "a"}},
        responses("a"),
        responses("a", "x"),
        responses("a", 0.0),
        responses("a", True, [1]),
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "done"},
        {"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "done"},
        {"type": "response.completed", "response": {"output": [{"type": "message", "content": []}]}},
    ]
)
PAYLOADS = st.one_of(
    st.builds(openai, TEXTS),
    st.builds(lambda text, pad: openai(text, obfuscation=pad), TEXTS, TEXTS),
    st.builds(lambda text, pad: {"obfuscation": pad, **openai(text)}, TEXTS, TEXTS),
    st.builds(lambda text: openai(text, note=text, content=text), TEXTS),
    st.builds(anthropic, TEXTS),
    st.builds(responses, TEXTS, st.integers(0, 1), st.integers(0, 1)),
    OTHERS,
)
EVENTS = st.one_of(
    st.builds(
        event,
        PAYLOADS,
        st.sampled_from(["", "", *BEFORE.values(), "event: m\n", ": ping\n\n", "id: 7\n", "event: error\n"]),
        st.sampled_from(["\n\n", "\n\n", "\n\n", "\r\n\r\n", "\n\n\n", "\ndata:\n\n", "\n: x\n\n"]),
        ascii_only=st.booleans(),
    ),
    st.sampled_from(
        [
            "data: [DONE]\n\n",
            "data: {\n\n",
            "\n",
            "\ufeff",
            "error: x\n\n",
            'data: "a"\n\n',
            # Together these are as many JSON values as lines; each alone is not one payload.
            'data: {"choices":[{"delta":{"content":"a"}}]}{"choices":[{"delta":{"content":"b"}}]}\n\n',
            'data: {"choices":\n\n',
            'data: [{"delta":{"content":"c"}}]}\n\n',
            'data: {"choices":[{"delta":{"content":"a"}}]}\n{"choices":[{"delta":{"content":"b"}}]}\n\n',
            'data: {"choices":\ndata: [{"delta":{"content":"a"}}]}\n\n',
            'data: {"choices":\n[{"delta":{"content":"a"}}]}\n\n',
            'data: {"choices":\r[{"delta":{"content":"a"}}]}\n\n',
            'data: {"choices":[{"delta":{"content":"a"}}],"choices":[{"delta":{"content":"b"}}]}\n\n',
            'data: {"choices":[{"delta":{"cont\\u0065nt":"a"}}],"note":NaN}\n\n',
        ]
    ),
)


@given(
    st.lists(st.one_of(EVENTS, st.integers(0, 30)), max_size=20),
    st.lists(st.integers(1, 300), min_size=1),
    st.sampled_from(list(PLAIN)),
)
def test_the_same_as_the_general_decoder(parts: list[str | int], sizes: list[int], dialect: str) -> None:
    events: list[str] = []
    for part in parts:  # a number repeats an event
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


@pytest.mark.parametrize("dialect", list(PLAIN))
def test_plain_text_is_decoded_by_type(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, before = PLAIN[dialect], BEFORE[dialect]
    texts = ("begun", "second", 'th"i\\rd\n', "fo é 😀", "x" * 200, "")
    events = [event(plain(text), before, ascii_only=number % 2 == 0).encode() for number, text in enumerate(texts)]
    decoder = ResponseDecoder(DIALECTS[dialect].decoder(), max_bytes=1 << 20, max_event_bytes=1 << 16)
    assert decoder.feed(b": hello\n\n") == []
    monkeypatch.setattr("streaming.dialects.payload_decoder.json.loads", lambda _: pytest.fail("decoded in general"))
    assert decoder.feed(events[0]) == [ContentDelta("begun")]
    assert decoder.feed(b"".join(events[1:3]) + events[3][:20]) == [ContentDelta('secondth"i\\rd\n')]
    monkeypatch.undo()
    assert decoder.feed(events[3][20:]) == [ContentDelta("fo é 😀")]
    monkeypatch.setattr("streaming.dialects.payload_decoder.json.loads", lambda _: pytest.fail("decoded in general"))
    assert decoder.feed(events[4]) == [ContentDelta("x" * 200)]
    assert decoder.feed(events[5]) == []


@pytest.mark.parametrize(
    "more",
    [
        {"obfuscation": "xy"},
        {"usage": None, "error": None},
        {"note": "begun", "number": 7, "nested": [{"content": "x"}]},
    ],
)
def test_fields_that_no_dialect_reads_may_differ(more: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = ResponseDecoder(DIALECTS["openai-chat"].decoder(), max_bytes=1 << 20, max_event_bytes=1 << 16)
    decoder.feed(b": hello\n\n")
    monkeypatch.setattr("streaming.dialects.payload_decoder.json.loads", lambda _: pytest.fail("decoded in general"))
    for number in range(3):
        assert decoder.feed(event(openai("a", **more, sequence=number)).encode()) == [ContentDelta("a")]


@pytest.mark.parametrize(
    "events",
    [
        event(openai("a", error={"code": "x"})),
        event(openai("a", usage={"total_tokens": 1})),
        event(openai("a", object="error")),
        event(openai(None)),
        event(openai("a"), end="\n"),
        event(openai("a"), end="\r\n\r\n"),
        event(openai("a"), before=": comment\n"),
        event(openai("a")) + event(openai("\ud83d"), ascii_only=True),
        event(openai("a")) + "data: [DONE]\n\n",
        event({"choices": [{"delta": {"content": "a", "tool_calls": []}}]}),
        event({"choices": [{"delta": {"text": "a"}}]}),
        event({"choices": "a"}),
        "data: {\n\n",
        "\n\n",
        "",
    ],
)
def test_other_events_are_left_to_the_general_decoder(events: str) -> None:
    decoder = DIALECTS["openai-chat"].decoder()
    assert decoder.feed_text_events(events.encode()) is None
    assert decoder.feed_text_events(event(openai("a")).encode()) == [ContentDelta("a")]


def test_bytes_that_are_not_utf_8_are_left_to_the_general_decoder() -> None:
    decoder = DIALECTS["openai-chat"].decoder()
    assert decoder.feed_text_events(event(openai("?")).encode().replace(b"?", b"\xff")) is None


def test_a_burst_decodes_only_the_other_events_in_general(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole answer in one read: 150 pieces of text, and four events that are not text."""
    texts = [f"word{number} " for number in range(150)]
    finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 150}}
    others = [openai(""), *map(openai, texts[:70]), {"note": 1}, *map(openai, texts[70:]), finish, usage]
    stream = "".join(map(event, others)) + "data: [DONE]\n\n"
    general: list[str] = []

    def loads(text: str) -> object:
        general.append(text)
        return json.JSONDecoder().decode(text)

    monkeypatch.setattr("streaming.dialects.payload_decoder.json.loads", loads)
    deltas, _ = decoded("openai-chat", [stream.encode()])
    assert deltas[0] == ContentDelta("".join(texts))
    # The first event may also be text, but what the body is must be known first.
    assert len(general) == 4
