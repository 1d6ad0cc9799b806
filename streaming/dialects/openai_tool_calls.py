"""Tool calls as OpenAI-compatible servers stream them: in pieces with an unreliable index and id."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from streaming.chat import ToolCallDelta

_SIGN: Final = re.compile(r'\\.|["{}\[\]]', re.DOTALL)


@dataclass(slots=True)
class _Arguments:
    """The arguments of one call so far, and where their JSON object ends. Each character is read once."""

    text: list[str] = field(default_factory=list)
    _unread: list[str] = field(default_factory=list)
    _depth: int = 0
    _in_string: bool = False
    _complete: bool = False

    def add(self, piece: str) -> None:
        self.text.append(piece)
        self._unread.append(piece)

    @property
    def open(self) -> bool:
        """Whether an object has begun and is not closed."""
        return not self.complete and self._depth > 0

    @property
    def complete(self) -> bool:
        """Whether the object is closed."""
        text = "".join(self._unread)
        self._unread.clear()
        if _ends_in_escape(text):  # the backslash waits for the character that it escapes
            self._unread.append("\\")
            text = text[:-1]
        for match in _SIGN.finditer(text):
            sign = match[0]
            if sign == '"':
                self._in_string = not self._in_string
            elif not self._in_string and sign in "{[":
                self._depth += 1
            elif not self._in_string and sign in "}]":
                self._depth -= 1
                self._complete = self._complete or self._depth <= 0
        return self._complete


@dataclass(slots=True)
class _OpenCall:
    """A tool call in progress: our index, its name and ids. Some servers change the id in each piece."""

    index: int
    name: str | None = None
    ids: set[str] = field(default_factory=set)
    arguments: _Arguments = field(default_factory=_Arguments)

    def goes_on_in(self, name: str, call_id: str | None) -> bool:
        """Whether `name` is the next piece of the name: no arguments came, and the piece has no id of another call."""
        same = call_id in self.ids if call_id is not None else bool(self.ids)
        return self.name is not None and name != self.name and same and not self.arguments.text

    def continues(self, name: str | None, call_id: str | None, arguments: str) -> bool:
        """Whether a piece with this name continues the call, instead of opening another one."""
        if name is None:
            return True
        if self.name is None:
            return call_id is None or not self.ids or call_id in self.ids
        if self.goes_on_in(name, call_id):
            return True
        if name != self.name:
            return False
        if call_id is not None and self.ids and call_id not in self.ids:
            # Another id and a name open a call, unless an object is open and the piece begins none.
            return self.arguments.open and not arguments.lstrip().startswith("{")
        return not self.arguments.complete or not arguments.strip() or arguments == "".join(self.arguments.text)


class OpenAIToolCalls:
    """The tool calls of one response, numbered from 0 in the order in which they were opened.

    Index, id, name and the arguments so far say together to which call a piece belongs. A piece without a name
    continues a call: that of its id, else that of its index, else the latest. A piece with a name opens a call, unless
    it repeats the name of the call at its place while the arguments of that call are not complete.
    """

    def __init__(self) -> None:
        self.count = 0
        self._at: dict[int, _OpenCall] = {}
        self._by_id: dict[str, _OpenCall] = {}
        self._latest: _OpenCall | None = None

    def feed(self, pieces: object) -> list[ToolCallDelta]:
        """The deltas for the `tool_calls` of one chunk: a list of objects, or one object."""
        if isinstance(pieces, dict):
            pieces = [pieces] if "function" in pieces or "name" in pieces else list(pieces.values())
        if not isinstance(pieces, list):
            return []
        deltas = [self._feed_piece(piece) for piece in pieces if isinstance(piece, dict)]
        return [delta for delta in deltas if delta is not None]

    def open(self, name: str) -> int:
        """Open a call that came in another form. Returns its index."""
        call = self._latest = _OpenCall(self.count, name)
        self.count += 1
        return call.index

    def places(self) -> dict[str, int]:
        """The index of the call of each id that the server sent."""
        return {call_id: call.index for call_id, call in self._by_id.items()}

    def _feed_piece(self, piece: dict[str, Any]) -> ToolCallDelta | None:
        call_id = _text(piece.get("id")) or None
        function = piece.get("function")
        function = function if isinstance(function, dict) else piece  # some servers leave out the level between
        name = _text(function.get("name")) or None
        arguments = function.get("arguments")
        arguments = json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)
        extra = piece.get("extra_content")
        state = {"extra_content": extra} if isinstance(extra, dict) and extra else None

        index = piece.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            index = None
        call = self._call_of(index, call_id, name, arguments)
        if call is None:
            if name is None and not arguments.strip() and state is None and (index is None or call_id is None):
                return None  # nothing in it
            call = self._latest = _OpenCall(self.count)
            self.count += 1
        elif name is not None and call.arguments.complete and arguments.strip():
            arguments = ""  # the whole call is repeated
        return self._added(call, index, call_id, name, arguments, state)

    def _added(
        self,
        call: _OpenCall,
        index: int | None,
        call_id: str | None,
        name: str | None,
        arguments: str,
        state: Mapping[str, Any] | None,
    ) -> ToolCallDelta | None:
        self._latest = call
        if index is not None:
            self._at[index] = call
        new_id = call_id if not call.ids else None
        new_name = name if call.name is None else None
        if call.name is not None and name is not None and call.goes_on_in(name, call_id):
            new_name = name.removeprefix(call.name)  # some servers repeat the pieces before
            call.name += new_name
        if call_id is not None:
            call.ids.add(call_id)
            self._by_id[call_id] = call
        call.name = call.name or name
        if arguments:
            call.arguments.add(arguments)
        if new_id or new_name or arguments or state:
            return ToolCallDelta(call.index, new_id, new_name, arguments, state)
        return None

    def _call_of(self, index: int | None, call_id: str | None, name: str | None, arguments: str) -> _OpenCall | None:
        """The call that the piece continues, or None if it opens another one."""
        known = self._by_id.get(call_id) if call_id is not None else None
        if known is None and index is not None:
            known = self._at.get(index)
        if known is None and name is None:
            latest = self._latest
            if latest is None or (index is not None and call_id is not None and not arguments.strip()):
                return None  # a call whose name follows
            return latest
        if known is None and index is None and call_id is None:
            known = self._latest
        return known if known is not None and known.continues(name, call_id, arguments) else None


def _ends_in_escape(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
