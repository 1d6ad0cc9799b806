"""Typed decoding of the event that most streams consist of: one piece of text and nothing else. Sans-IO.

A dialect describes the payload of that event as `msgspec` structs. Fields that say something else have the type None.
If one of them is set, the event is not plain text, and the dialect's general decoder reads it. The general decoder also
reads payloads that are not JSON, have another shape, or have an unpaired surrogate. Other fields are skipped.
"""

from __future__ import annotations

from typing import Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")


class OpenAIDelta(Struct, gc=False):
    """`choices[0].delta` of a chat completion chunk."""

    content: str
    reasoning_content: Literal[""] | None = None
    reasoning: Literal[""] | None = None
    reasoning_details: None = None
    refusal: Literal[""] | None = None
    tool_calls: None = None
    extra_content: None = None


class OpenAIChoice(Struct, gc=False):
    """The first of the `choices` of a chat completion chunk. `finish_reason` is null until the last chunk."""

    delta: OpenAIDelta
    index: Literal[0] = 0
    finish_reason: Literal[""] | None = None
    error: None = None
    usage: None = None


class OpenAIChunk(Struct, gc=False):
    """A chunk of the chat completions API with one choice."""

    choices: tuple[OpenAIChoice]
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    error: None = None
    usage: None = None
    x_groq: None = None


class ResponseTextDelta(Struct, gc=False):
    """An event of the responses API. `item_id` is not read: the two indexes name the part."""

    type: Literal["response.output_text.delta"]
    output_index: int
    content_index: int
    delta: str


class AnthropicDelta(Struct, gc=False):
    """`delta` of a text event of the messages API."""

    type: Literal["text_delta"]
    text: str


class AnthropicTextDelta(Struct, gc=False):
    """A text event of the messages API."""

    type: Literal["content_block_delta"]
    delta: AnthropicDelta


class TextEvents(Generic[T]):
    """Decodes server-sent events whose bytes are `prefix`, a JSON object of type `payload`, and a blank line."""

    def __init__(self, payload: type[T], prefix: bytes = b"data: ") -> None:
        self._prefix = prefix
        self._start = len(prefix)
        self._line_feeds = prefix.count(b"\n") + 2  # of one event
        self._separator = b"}\n\n" + prefix + b"{"
        self._decoder = msgspec.json.Decoder(payload)

    def decode(self, events: bytes) -> list[T] | None:
        """The payloads of one or more whole events. None if any of the events is of another kind."""
        if not events.startswith(self._prefix) or not events.endswith(b"}\n\n") or b"\r" in events:
            return None
        try:
            if events.count(b"\n") == self._line_feeds:
                return [self._decoder.decode(events[self._start :])]
            return self._decode_many(events)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def _decode_many(self, events: bytes) -> list[T] | None:
        # `decode_lines` reads values that are separated by any white space, in one call. A line feed between `}` and
        # `{` cannot be inside a value. So if each line feed separates two events, and there are as many values as
        # events, each event is exactly one value.
        lines = events[self._start : -2].replace(self._separator, b"}\n{")
        separators = lines.count(b"\n")
        if separators != events.count(self._separator):
            return None
        payloads = self._decoder.decode_lines(lines)
        return payloads if len(payloads) == separators + 1 else None


OPENAI_CHAT: Final = TextEvents(OpenAIChunk)
OPENAI_RESPONSES: Final = TextEvents(ResponseTextDelta, b"event: response.output_text.delta\ndata: ")
ANTHROPIC: Final = TextEvents(AnthropicTextDelta, b"event: content_block_delta\ndata: ")
