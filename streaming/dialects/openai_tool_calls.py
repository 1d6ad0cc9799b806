"""Tool calls as OpenAI-compatible servers stream them: in pieces with an unreliable index and id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from streaming.chat import ToolCallDelta


@dataclass(slots=True)
class _OpenCall:
    """A tool call in progress: our index, its id, and whether its name was returned."""

    index: int
    id: str | None
    named: bool


class OpenAIToolCalls:
    """The tool calls of one response, numbered from 0 in the order in which they were opened.

    A piece belongs to the call with its `index`. Without an index it belongs to the call with its id, or, without an
    id, to the latest. A piece whose id differs from that of the call at its index opens another call: some servers
    give every call index 0.
    """

    def __init__(self) -> None:
        self.count = 0
        self._calls: dict[int, _OpenCall] = {}
        self._latest: int | None = None

    def feed(self, pieces: object) -> list[ToolCallDelta]:
        """The deltas for the `tool_calls` of one chunk. Anything but a list of objects adds nothing."""
        if not isinstance(pieces, list):
            return []
        deltas = [self._feed_piece(piece) for piece in pieces if isinstance(piece, dict)]
        return [delta for delta in deltas if delta is not None]

    def _feed_piece(self, piece: dict[str, Any]) -> ToolCallDelta | None:
        identity = _text(piece.get("id")) or None
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        name = _text(function.get("name")) or None
        arguments = function.get("arguments")
        arguments = json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)

        key = piece.get("index")
        if not isinstance(key, int) or isinstance(key, bool):
            key = self._key_without_index(identity)
        self._latest = key
        call = self._calls.get(key)
        if call is None or (identity is not None and call.id is not None and identity != call.id):
            call = self._calls[key] = _OpenCall(self.count, identity, named=name is not None)
            self.count += 1
            return ToolCallDelta(call.index, identity, name, arguments)
        new_id = identity if call.id is None else None
        new_name = None if call.named else name
        call.id = call.id or new_id
        call.named = call.named or new_name is not None
        return ToolCallDelta(call.index, new_id, new_name, arguments) if new_id or new_name or arguments else None

    def _key_without_index(self, identity: str | None) -> int:
        if identity is None and self._latest is not None:
            return self._latest
        for key, call in self._calls.items():
            if identity is not None and call.id == identity:
                return key
        # Negative, so that it cannot equal an index from the server.
        return -1 - self.count


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
