"""Function calls as Gemini streams them: whole, or, if requested, argument by argument with JSON paths."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from streaming.chat import ToolCallDelta
from streaming.dialects.payload_decoder import objects

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d{1,6})\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
_MAX_STEPS = 64
_VALUES = ("stringValue", "numberValue", "boolValue")


@dataclass(slots=True)
class _OpenCall:
    """A call whose arguments arrive in pieces."""

    index: int
    arguments: dict[str, Any] = field(default_factory=dict)
    text: str = "{}"
    """The arguments as the provider wrote them, if it sent no object."""


class GeminiFunctionCalls:
    """The calls of one response, numbered from 0.

    A part with a name begins a call. With `willContinue` its arguments follow in parts without a name, until one that
    does not continue, until the next call, or until the end. They are assembled here and returned as JSON at the end.
    """

    def __init__(self) -> None:
        self._count = 0
        self._open: _OpenCall | None = None

    def open(self) -> int:
        """The index of a new call, also of one that is not in a `functionCall` part."""
        self._count += 1
        return self._count - 1

    def feed(self, call: dict[str, Any], signature: object) -> list[ToolCallDelta]:
        """What one `functionCall` part adds; `signature` is the part's `thoughtSignature`."""
        deltas: list[ToolCallDelta] = []
        name = call.get("name")
        if isinstance(name, str) and name:
            deltas += self.close()
            state = {"thoughtSignature": signature} if isinstance(signature, str) and signature else None
            self._open = _OpenCall(self.open())
            deltas.append(ToolCallDelta(self._open.index, _text(call.get("id")), name, state=state))
        if self._open is None:
            return deltas
        arguments = call.get("args")
        if isinstance(arguments, str):  # from a gateway that keeps them as text
            self._open.text = arguments
            arguments = _object(arguments)
        if isinstance(arguments, dict):
            self._open.arguments |= arguments
        for piece in objects(call.get("partialArgs")):
            _put(self._open.arguments, piece)
        if call.get("willContinue") is not True:
            deltas += self.close()
        elif not deltas:
            # An empty delta shows that the model is working: it resets the idle time limit.
            deltas.append(ToolCallDelta(self._open.index))
        return deltas

    def close(self) -> list[ToolCallDelta]:
        """The arguments of the call that is open, if one is."""
        call, self._open = self._open, None
        if call is None:
            return []
        return [ToolCallDelta(call.index, arguments=json.dumps(call.arguments) if call.arguments else call.text)]


def _object(text: str) -> object:
    """The JSON value that `text` is; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _put(arguments: dict[str, Any], piece: dict[str, Any]) -> None:
    """Set the value of one `partialArgs` entry; text is appended to existing text. An invalid entry sets nothing."""
    path = piece.get("jsonPath")
    if not isinstance(path, str) or not path.startswith("$"):
        return
    value: object = next((piece[kind] for kind in _VALUES if kind in piece), None)
    steps: list[str | int] = []
    at = 1
    while (match := _STEP.match(path, at)) is not None:
        steps.append(int(match[2]) if match[2] is not None else match[1] or match[3] or match[4] or "")
        at = match.end()
    if not 0 < len(steps) <= _MAX_STEPS or at != len(path):
        return
    place: Any = arguments
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if isinstance(place, list) and isinstance(step, int):
            # Entries arrive in order. A gap is a fault and must not allocate memory.
            if step > len(place):
                return
            if step == len(place):
                place.append(None)
        elif isinstance(place, dict) and isinstance(step, str):
            place.setdefault(step, None)
        else:
            return
        known = place[step]
        if following is None:
            place[step] = known + value if isinstance(known, str) and isinstance(value, str) else value
        elif known is None:
            place[step] = [] if isinstance(following, int) else {}
        place = place[step]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
