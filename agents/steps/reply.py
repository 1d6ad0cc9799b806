"""Reads one step while the model writes it: the text of `say` as it arrives, other steps when complete. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from parser import well_formed

_SAYS: Final = re.compile(r'\s*\{\s*"tool"\s*:\s*"say"\s*,\s*"args"\s*:\s*\{\s*"text"\s*:\s*"')
_HEX: Final = r"[0-9a-fA-F]"
_HIGH: Final = rf"\\u[dD][89abAB]{_HEX}{{2}}"
_LOW: Final = rf"\\u[dD][c-fC-F]{_HEX}{{2}}"
# Whole characters of a JSON string. After them comes its end, or an escape or surrogate pair that is not complete.
_WHOLE: Final = re.compile(
    rf'(?:[^"\\]|\\[^u]|{_HIGH}{_LOW}|{_HIGH}(?=[^\\]|\\[^u]|(?!{_LOW})\\u{_HEX}{{4}})|(?!{_HIGH})\\u{_HEX}{{4}})*',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Step:
    """What the model does next."""

    tool: str
    args: Mapping[str, Any]


class StepReply:
    """Feed the reply, then ask for `step`."""

    def __init__(self) -> None:
        self._text = ""
        self._at: int | None = None  # where the next character of the said text is
        self._said: list[str] = []
        self._ended = False

    @property
    def text(self) -> str:
        """The whole reply."""
        return self._text

    @property
    def said(self) -> str:
        """The text of `say` so far."""
        return "".join(self._said)

    def feed(self, piece: str) -> str:
        """Returns what `piece` adds to the text of `say`, or ""."""
        self._text += piece
        if self._at is None:
            found = _SAYS.match(self._text)
            if found is None:
                return ""
            self._at = found.end()
        if self._ended:
            return ""
        whole = _WHOLE.match(self._text, self._at)
        raw = whole[0] if whole is not None else ""
        self._at += len(raw)
        self._ended = self._text.startswith('"', self._at)
        new = _decoded(raw)
        if new:
            self._said.append(new)
        return new

    def step(self) -> Step | None:
        """The step; None if the reply is not an object with `tool`. Text around the object is ignored."""
        if self._said or self._ended:
            return Step("say", {"text": self.said})
        decoder = json.JSONDecoder(strict=False)
        begin = self._text.find("{")
        if begin < 0:
            return None
        try:
            value, _ = decoder.raw_decode(self._text, begin)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        # A server that does not enforce the schema may let the model write its own names.
        name = value.get("tool", value.get("name"))
        if not isinstance(name, str):
            return None
        args = next((value[key] for key in ("args", "arguments", "parameters") if key in value), None)
        return Step(name, args if isinstance(args, dict) else {})


def _decoded(raw: str) -> str:
    try:
        return well_formed(str(json.loads(f'"{raw}"', strict=False)))
    except ValueError:
        return well_formed(raw)  # an escape that JSON does not know
