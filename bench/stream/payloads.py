"""The output of the model server: OpenAI chat completion chunks with all fields of real ones, and stamps in the text.

The text of each token is a space, a stamp (the time at which it was written, six base-36 digits of microseconds on
CLOCK_MONOTONIC, which all processes of a machine share) and, for some, punctuation,
an escape, or a character that is not ASCII. A reader counts the spaces and reads the stamps after them, so the text may
be cut, escaped or merged on its path.
"""

from __future__ import annotations

import json
from typing import Any, Final

ROUTED: Final = ('{"agent"', ":", '"task_agent"', "}")
"""The model's answer to Tessera's router."""

OPENING: Final = '[{"type":"text","content":"'
NEXT_BLOCK: Final = '"},{"type":"text","content":"'
CLOSING: Final = '"}]'
TOKENS_PER_BLOCK: Final = 150

# As the model writes them, inside a JSON string: `\\n` reaches the parser as an escape.
_SUFFIXES: Final = ("", "", "", ",", "", "", "s", "", ".", "", "", "", "\\n", "", "—", "ing", "", '\\"', "", "é")
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_TRIPLES: Final = [a + b + c for a in _DIGITS for b in _DIGITS for c in _DIGITS]
STAMP_CHARS: Final = 6
_WRAP_US: Final = 36**STAMP_CHARS


def stamp(now_ns: int) -> str:
    """The six digits for a time of `time.monotonic_ns()`."""
    high, low = divmod(now_ns // 1000 % _WRAP_US, len(_TRIPLES))
    return _TRIPLES[high] + _TRIPLES[low]


def age_us(stamped: str, now_ns: int) -> int:
    """Microseconds from the stamp to `now_ns`."""
    return (now_ns // 1000 - int(stamped, 36)) % _WRAP_US


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    """One server-sent event in OpenAI's format, with all fields and nulls."""
    payload = {
        "id": "chatcmpl-DPTBg29yUne0qG2XCotTwUgvJqaSb",
        "object": "chat.completion.chunk",
        "created": 1774962768,
        "model": "gpt-4.1-mini-2025-04-14",
        "service_tier": "default",
        "system_fingerprint": "fp_b6f445fc1c",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": None,
        "obfuscation": "EuCfnlKiaRFHbQ",
        **more,
    }
    return b"data: " + json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    """`data` as one chunk of a chunked HTTP body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def text_chunk(text: str) -> bytes:
    return chunk(event({"content": text}))


_STAMP_HERE: Final = "STAMP_"
_AROUND: Final = [
    tuple(part for part in text_chunk(f" {_STAMP_HERE}{suffix}").split(_STAMP_HERE.encode())) for suffix in _SUFFIXES
]
BETWEEN_BLOCKS: Final = text_chunk(NEXT_BLOCK)
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nDate: Tue, 31 Mar 2026 13:12:48 GMT\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nx-request-id: req_6f2b1c6ae5a34b1c9d7f\r\n"
    b"openai-version: 2020-10-01\r\nx-ratelimit-remaining-tokens: 149999000\r\n\r\n"
)


def token_chunk(number: int, now_ns: int) -> bytes:
    """Token `number` of an answer, written now."""
    before, after = _AROUND[number % len(_AROUND)]
    return before + stamp(now_ns).encode() + after


def beginning(*texts: str) -> bytes:
    """Head, the empty first delta that OpenAI sends, and `texts`."""
    first = chunk(event({"role": "assistant", "content": "", "refusal": None}))
    return HEAD + first + b"".join(map(text_chunk, texts))


def ending(tokens: int, *texts: str) -> bytes:
    """`texts`, the finish reason, a chunk with the usage, and the end of the body."""
    usage = {"prompt_tokens": 900, "completion_tokens": tokens, "total_tokens": 900 + tokens}
    return (
        b"".join(map(text_chunk, texts))
        + chunk(event({}, "stop"))
        + chunk(event({}, choices=[], usage=usage))
        + chunk(b"data: [DONE]\n\n")
        + b"0\r\n\r\n"
    )


BURST: Final = b"".join(token_chunk(number, 0) for number in range(TOKENS_PER_BLOCK)) + BETWEEN_BLOCKS
"""The tokens of a block and the beginning of the next block, for streams at full speed. The stamps have no meaning."""
