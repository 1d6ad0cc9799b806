"""Recognition of an object while it arrives: a block, the wrapper of a block, or neither."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from parser.blocks import BlockType
from parser.strings import unescaped
from parser.vocabulary import CONTENT_KEYS, NOT_WRAPPERS, SIGNS, block_type, canonical_key

_SKIP = re.compile(r"[^\"'{}\[\],:]*")
_IN_STRING = {quote: re.compile(rf"[^{quote}\\]*") for quote in "\"'"}
_SPACE = re.compile(r"[ \t\r\n]*")
_MOST_FRAMES = 64
_LONGEST_WORD = 80
_ALL_SIGNS = frozenset().union(*SIGNS.values())


class Found(Enum):
    """Findings of the scanner."""

    TYPED = "typed"  # this is a structured block of type `type`
    CONTENT = "content"  # this is a text block, and its text begins here
    INNER = "inner"  # an object inside this one is a block: it begins at `inner`
    END = "end"  # the object is over, and nothing of this was seen


@dataclass(slots=True)
class _Frame:
    bracket: str
    start: int  # of the bracket, in the object's source
    blocked: bool  # nothing in here is a block
    key: str = ""
    wants_key: bool = False
    type: BlockType | None = None
    canonical: bool = False
    signs: set[str] = field(default_factory=set)


class ObjectScanner:
    """Scans one object from its `{`, in pieces of any size. Does not hold the source."""

    __slots__ = (
        *("_closing", "_escaped", "_frames", "_more", "_quote", "_tail", "_taken", "_word"),
        *("inner", "path", "quote", "type"),
    )

    def __init__(self, *, tail: bool = False) -> None:
        """`tail`: the object is already open and is not a block itself."""
        self._tail = tail
        self._frames: list[_Frame] = [_Frame("{", -1, blocked=False, wants_key=True)] if tail else []
        self._more = 0  # objects open beyond `_MOST_FRAMES`
        self._quote = ""  # of the string that is open
        self._escaped = False
        self._closing = False  # after a quote that may close the string
        self._word: list[str] = []  # the string or bare word that is being read
        self._taken = 0  # characters scanned before the text in hand
        self.type: BlockType | None = None
        self.quote = ""  # with CONTENT: the quote that opened the text
        self.inner = 0  # with INNER: the index of the block's `{`
        self.path = ""  # with INNER: the brackets around it

    def scan(self, text: str, at: int) -> tuple[int, Found | None]:
        """Take characters from `at`; the position reached, and what was found there."""
        begin = at
        found: Found | None = None
        while at < len(text) and found is None:
            if self._escaped:
                self._escaped = False
                self._keep(text[at])
                at += 1
            elif self._closing:
                at, found = self._after_quote(text, at)
            elif self._quote:
                at = self._in_string(text, at)
            else:
                at, found = self._structure(text, at, begin)
        self._taken += at - begin
        return at, found

    def _keep(self, piece: str) -> None:
        if piece and len(self._word) < _LONGEST_WORD:
            self._word.append(piece[:_LONGEST_WORD])

    def _in_string(self, text: str, at: int) -> int:
        run = _IN_STRING[self._quote].match(text, at)
        end = run.end() if run else at
        self._keep(text[at:end])
        if end == len(text):
            return end
        if text[end] == "\\":
            self._keep("\\")
            self._escaped = True
        else:
            self._closing = True
        return end + 1

    def _after_quote(self, text: str, at: int) -> tuple[int, Found | None]:
        """The quote closed a value if what follows can stand there, else it belongs to the string."""
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if at == len(text):
            return at, None
        self._closing = False
        frame = self._frames[-1] if self._frames else None
        wants_key = frame is not None and frame.wants_key
        if not wants_key and text[at] not in ",}]":
            self._keep(self._quote)
            return at, None
        self._quote = ""
        if frame is not None and frame.key == "type" and not wants_key and frame.type is None:
            self._set_type(frame, unescaped("".join(self._word)))
            return at, self._seen(frame)
        return at, None

    def _set_type(self, frame: _Frame, name: str) -> None:
        if (meant := block_type(name)) is not None:
            frame.type, frame.canonical = meant

    def _structure(self, text: str, at: int, begin: int) -> tuple[int, Found | None]:
        run = _SKIP.match(text, at)
        end = run.end() if run else at
        self._keep(text[at:end].strip())
        if end == len(text):
            return end, None
        character = text[end]
        frame = self._frames[-1] if self._frames else None
        if character in "\"'":
            if character == '"' or not "".join(self._word):
                self._word = []
                self._quote = character
                if frame is not None and self._opens_content(frame, character):
                    return end + 1, Found.CONTENT
            return end + 1, None
        if character == "{" or character == "[":
            self._open(character, frame, self._taken + end - begin)
        elif character == "}" or character == "]":
            if self._close(character):
                return end + 1, Found.END
        elif frame is not None and frame.bracket == "{":
            if character == ":" and frame.wants_key:
                frame.key = canonical_key(unescaped("".join(self._word)))
                frame.wants_key = False
                self._word = []
                if frame.key in _ALL_SIGNS:
                    frame.signs.add(frame.key)
                    return end + 1, self._seen(frame)
            elif character == ",":
                name = "".join(self._word)
                typed = frame.key == "type" and not frame.wants_key and frame.type is None and name.isidentifier()
                frame.wants_key = True
                if typed:
                    self._word = []
                    self._set_type(frame, name)
                    return end + 1, self._seen(frame)
        self._word = []
        return end + 1, None

    def _opens_content(self, frame: _Frame, quote: str) -> bool:
        self.quote = quote
        return (
            len(self._frames) == 1
            and not self._tail
            and frame.type is BlockType.TEXT
            and not frame.wants_key
            and frame.key in CONTENT_KEYS
        )

    def _open(self, bracket: str, frame: _Frame | None, start: int) -> None:
        if self._more or len(self._frames) == _MOST_FRAMES:
            self._more += bracket == "{"
            return
        blocked = frame is not None and (frame.blocked or (frame.bracket == "{" and frame.key in NOT_WRAPPERS))
        self._frames.append(_Frame(bracket, start, blocked, wants_key=bracket == "{"))

    def _close(self, bracket: str) -> bool:
        """Close the innermost object with all arrays in it, or an array that is innermost; whether nothing is open."""
        frames = self._frames
        if self._more:
            self._more -= bracket == "}"
        elif bracket == "}":
            while frames and frames.pop().bracket != "{":
                pass
        elif frames and frames[-1].bracket == "[":
            frames.pop()
        return not frames

    def _seen(self, frame: _Frame) -> Found | None:
        """Whether what is known of an object by now makes it a block."""
        if frame.type is None or frame.blocked:
            return None
        signed = not frame.signs.isdisjoint(SIGNS[frame.type])
        if frame is self._frames[0]:
            if self._tail:
                return None
            self.type = frame.type
            structured = frame.type is not BlockType.TEXT and (frame.canonical or signed)
            return Found.TYPED if structured else None
        if signed and all(outer.type in (None, BlockType.TEXT) for outer in self._frames[:-1]):
            self.inner = frame.start
            self.path = "".join(outer.bracket for outer in self._frames[:-1])
            return Found.INNER
        return None
