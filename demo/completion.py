"""A reply in the format of the OpenAI API: one JSON object, or a stream of chunks in small uneven pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from demo.model import Reply
from demo.request import DemoRequest

DONE = b"data: [DONE]\n\n"
_LONGEST_PIECE = 8
_LONGEST_ARGUMENT_PIECE = 13


def pieces(text: str, seed: int, longest: int = _LONGEST_PIECE) -> Iterator[str]:
    """Cut `text` into pieces of 1 to `longest` characters. The same seed gives the same pieces."""
    start = 0
    while start < len(text):
        size = crc32(start.to_bytes(8, "big"), seed) % longest + 1
        yield text[start : start + size]
        start += size


class Completion:
    """The answer to one request. Each piece of text counts as one token."""

    def __init__(self, request: DemoRequest, reply: Reply, *, created: int) -> None:
        self._request = request
        self._reply = reply
        self._seed = crc32(f"{request.question}\n{len(request.results)}".encode(errors="replace"))
        cut = list(pieces(reply.text, self._seed))
        self._pieces = cut if request.max_tokens is None else cut[: request.max_tokens]
        self._calls = [
            (f"call_{crc32(str(number).encode(), self._seed):08x}", call.name, json.dumps(dict(call.arguments)))
            for number, call in enumerate(reply.calls)
        ]
        self._finish = "tool_calls" if reply.calls else "length" if len(self._pieces) < len(cut) else "stop"
        self._head = {"id": f"chatcmpl-demo-{self._seed:08x}", "created": created, "model": request.model}

    def whole(self) -> dict[str, Any]:
        """The body of a response that is not streamed."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._pieces) or None}
        if self._calls:
            message["tool_calls"] = [
                {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
                for call_id, name, arguments in self._calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": self._finish}
        return self._head | {"object": "chat.completion", "choices": [choice], "usage": self._usage()}

    def events(self) -> Iterator[bytes]:
        """The server-sent events of a streamed response, ending with `[DONE]`."""
        yield self._event({"role": "assistant", "content": None if self._calls else ""})
        for piece in self._pieces:
            yield self._event({"content": piece})
        for index, (call_id, name, arguments) in enumerate(self._calls):
            function = {"name": name, "arguments": ""}
            opened = {"index": index, "id": call_id, "type": "function", "function": function}
            yield self._event({"tool_calls": [opened]})
            for piece in pieces(arguments, self._seed + index, _LONGEST_ARGUMENT_PIECE):
                yield self._event({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield self._event({}, finish=self._finish)
        if self._request.include_usage:
            yield self._encode({"choices": [], "usage": self._usage()})
        yield DONE

    def _event(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._encode({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def _encode(self, chunk: dict[str, Any]) -> bytes:
        body = self._head | {"object": "chat.completion.chunk"} | chunk
        return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode(errors="replace")

    def _usage(self) -> dict[str, int]:
        prompt = self._request.prompt_tokens
        completion = len(self._pieces) + sum(1 + len(arguments) // 4 for _, _, arguments in self._calls)
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
