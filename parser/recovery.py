"""Finding the end of a block that was refused, so that the next one is read as if nothing had happened."""

from __future__ import annotations

import re

from parser.blocks import BlockType
from parser.states import Signal

WINDOW = 64
"""How many characters before the present one are kept, to see a block whose beginning was taken for a string's end."""

_MOST_BRACKETS = 262_144
_STEP = 4_096
_SPACE = r"[ \t\r\n]{0,8}"
_BLOCK_START = re.compile(rf'\{{{_SPACE}"type"{_SPACE}:{_SPACE}"(?:{"|".join(member.value for member in BlockType)})"')
_IN_STRING = re.compile(r'[^"\\\x00-\x1f]*')
_GOOD_JSON = re.compile(r"[ \t\r\n,:0-9+\-.eEtrufalsn]*")
_ANYTHING = re.compile(r'[^"{}\[\]]*')
_CLOSER = {"{": b"}", "[": b"]"}


class Recovery:
    """Skips what is left of a refused block.

    While the JSON looks good the block's end is where its brackets close. Once it is `broken`, strings and brackets
    prove little: a `}` then closes the innermost object and every array in it, a `]` that closes nothing is ignored, a
    line's end closes a string, and `{"type": "<one of ours>"` is the next block, wherever it stands.
    """

    __slots__ = ("_brackets", "_escaped", "_inside", "_more", "_window", "broken", "next_block")

    def __init__(self, brackets: list[str], window: str, *, inside: bool, broken: bool) -> None:
        """`brackets`: the closing brackets still to come, outermost first; `inside`: of a string."""
        self._brackets = bytearray("".join(brackets).encode())
        self._inside = inside
        self._escaped = False
        self._more = 0  # brackets open beyond those whose kind is remembered
        self._window = window[-WINDOW:]
        self.broken = broken
        self.next_block = ""  # with BLOCK_SEEN: the source characters, from its `{`, that have been taken

    def scan(self, text: str, position: int) -> tuple[int, Signal | None]:
        """Take characters from `position`; the position reached, and `BLOCK_END`, `BROKEN` or `BLOCK_SEEN` if so."""
        stop = min(len(text), position + _STEP)
        reached, signal = self._structure(text, position, stop)
        if self.broken and signal is not Signal.BROKEN:
            known = len(self._window)
            for match in _BLOCK_START.finditer(self._window + text[position:stop]):
                after = position + match.end() - known
                if after > position and (signal is None or position + match.start() - known < reached):
                    self.next_block = match.group()
                    return after, Signal.BLOCK_SEEN
        self._window = (self._window + text[position:reached])[-WINDOW:]
        if signal is Signal.BROKEN:
            self.broken = True
        return reached, signal

    def _structure(self, text: str, at: int, stop: int) -> tuple[int, Signal | None]:
        while at < stop:
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            pattern = _IN_STRING if self._inside else _ANYTHING if self.broken else _GOOD_JSON
            run = pattern.match(text, at, stop)
            at = run.end() if run else at
            if at == stop:
                break
            character = text[at]
            signal = self._in_string(character) if self._inside else self._bracket(character)
            if signal is Signal.BROKEN:
                return at, signal
            at += 1
            if signal is not None:
                return at, signal
        return at, None

    def _in_string(self, character: str) -> Signal | None:
        if character == '"':
            self._inside = False
        elif character == "\\":
            self._escaped = True
        elif not self.broken:
            return Signal.BROKEN
        elif character == "\n":
            self._inside = False
        return None

    def _bracket(self, character: str) -> Signal | None:
        brackets = self._brackets
        if character == '"':
            self._inside = True
        elif character in _CLOSER:
            if len(brackets) < _MOST_BRACKETS:
                brackets += _CLOSER[character]
            else:
                self._more += 1
        elif character not in "]}":
            return Signal.BROKEN
        elif self._more:
            self._more -= 1
        elif brackets[-1] == ord(character):
            brackets.pop()
        elif not self.broken:
            return Signal.BROKEN
        elif character == "}":
            while brackets.pop() != ord("}"):
                pass
        return None if brackets else Signal.BLOCK_END
