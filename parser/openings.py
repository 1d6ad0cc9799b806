"""Text between blocks: prose, code, fences and the openings of blocks."""

from __future__ import annotations

import re

from parser.blocks import BlockType
from parser.heads import (
    BRACKETS,
    HEAD,
    KEY,
    KEY_PREFIX,
    MEMBER,
    MEMBER_PREFIX,
    TEXT_HEAD,
    TEXT_HEAD_PREFIX,
    TEXT_KEYS,
    words_of_fence,
)
from parser.held_objects import HeldObjects
from parser.limits import Limits
from parser.object_scanner import ObjectScanner
from parser.plain_texts import STRING, STRING_PREFIX, STRINGS, STRINGS_PREFIX, plain_text
from parser.states import Signal, State
from parser.strings import EncodedAnswer, TextReader
from parser.structure import Structure
from parser.typographic import TYPOGRAPHIC_PREFIX, TYPOGRAPHIC_START, StraightQuotes
from parser.vocabulary import FENCES, begins_block, block_type, canonical_key, unquoted

_SPACE = re.compile(r"[ \t\r\n]*")
_OPENER = re.compile(r"[\[{`~]")
# JSON may begin on the line of the fence.
_FENCE_LINE = re.compile(
    r"(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>\{(?![ \t]*[\"'])[^\s`]*|[^\s`\[{]*)"
    r"(?:[ \t]*(?=[\[{][ \t]*[\[{\"'])|[^\n`]*\n[ \t\r\n]*)"
)
_LANGUAGE = re.compile(r"^\{\.?|\}$")
_FENCE_PREFIX = re.compile(r"(?:`+|~+|(?:`{3,}|~{3,})[^\n`]*)\Z")
_MARKS = re.compile(r"`+|~+")
_CODE_SPAN = re.compile(r"(`{1,2})[\[{][^`\n]*\1(?!`)")
_CODE_SPAN_PREFIX = re.compile(r"`{1,2}[\[{][^`\n]*`?\Z")
_EMPTY_OBJECT = re.compile(r"\{[ \t\r\n]*\}[ \t\r\n]*\Z")
# The answer as one JSON string: a quote, brackets, and an escaped quote.
_ENCODED = re.compile(r'"(?:[ \t]|\\[nrt])*[\[{](?:[ \t\[{]|\\[nrt])*\\"')
_ENCODED_PREFIX = re.compile(r'"(?:[ \t]|\\[nrt])*(?:[\[{](?:[ \t\[{]|\\[nrt])*)?\\?\Z')
# The answer as one JSON string of prose: a quote, and an escaped quote or line break before the next quote. A path such
# as `C:\new` is not a line break.
_ENCODED_TEXT = re.compile(r'"(?:[^"\\\r\n]|\\[^"nrt\r\n]|\\[nrt](?=[a-z]))*+(?:\\"|\\[nrt][^a-z])')


class Openings(HeldObjects):
    """The steps of the parser in `START`, `AFTER`, `PROSE` and `CODE`. Each takes a position in the text in hand.

    A step returns the position it reached. If the text may go on to be something else, it stalls there.
    """

    __slots__ = ("_encoded", "_straight")

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._encoded: EncodedAnswer | None = None  # if the answer is one JSON string
        self._straight: StraightQuotes | None = None  # in an object with typographic quotes

    def _between(self, position: int) -> int:
        text = self._text
        space = _SPACE.match(text, position)
        if space and space.end() > position:
            return space.end()
        character = text[position]
        if character in "[{`~":
            return self._opening(position)
        if self._state is State.AFTER:
            if character == ",":
                return self._separator(position)
            if character in "]}":
                self._leave("[" if character == "]" else "{")
                return position + 1
        elif character == '"' and self._encoded is None:
            if _ENCODED.match(text, position) or _ENCODED_TEXT.match(text, position):
                return self._decode(position + 1)
            if self._may_wait(position):
                if _ENCODED_PREFIX.match(text, position) or STRING_PREFIX.match(text, position):
                    return self._stall(position)
            elif self._last and STRING.match(text, position):
                return self._plain_text(position)
        self._go(Signal.WORDS)
        return position

    def _decode(self, position: int) -> int:
        """From `position` the answer is one JSON string."""
        self._encoded = EncodedAnswer()
        self._text = self._encoded.decode(self._text[position:], last=self._last)
        self._base += position
        return 0

    def _separator(self, position: int) -> int:
        """A comma after a block. Another member of the object around the block may follow."""
        if not self._layers or self._layers[-1] == "[":
            return position + 1
        space = _SPACE.match(self._text, position + 1)
        at = space.end() if space else position + 1
        if MEMBER.match(self._text, at):
            self._go(Signal.MEMBER)
            self._scanner = ObjectScanner(tail=True)
            self._lead = self._text[position:at]
            self._held = []
            self._size = 0
            self._object_at = at
            return at
        if self._may_wait(position) and (at == len(self._text) or MEMBER_PREFIX.match(self._text, at)):
            return self._stall(position)
        return position + 1

    def _leave(self, bracket: str) -> None:
        """A bracket closes: leave the innermost layer of its kind and all in it."""
        kinds = "[" if bracket == "[" else "{T"
        if any(layer in kinds for layer in self._layers):
            while self._layers.pop() not in kinds:
                pass

    def _prose(self, position: int) -> int:
        opener = _OPENER.search(self._text, position)
        end = opener.start() if opener else len(self._text)
        self._write_prose(self._text[position:end])
        return self._opening(end) if opener else end

    def _code(self, position: int) -> int:
        fence = self._fence
        end = self._text.find(fence, position)
        if end >= 0:
            end += len(fence)
            self._write_prose(self._text[position:end])
            self._fence = ""
            self._go(Signal.FENCE_END)
            return end
        end = len(self._text) if self._last else len(self._text.rstrip(fence[0]))
        self._write_prose(self._text[position : max(end, position)])
        return self._stall(max(end, position)) if end < len(self._text) else end

    def _opening(self, position: int) -> int:
        """At a bracket, a brace, a backtick or a tilde, between blocks or in prose."""
        text = self._text
        if text[position] not in "`~":
            return self._brackets(position, position)
        if self._fence and text.startswith(self._fence, position):
            position += len(self._fence)
            self._fence = ""
            self._in_prose = False
            self._go(Signal.FENCE_END)
            return position
        fence = _FENCE_LINE.match(text, position)
        if fence is None:
            if self._may_wait(position) and (_FENCE_PREFIX.match(text, position) or self._may_be_span(position)):
                return self._stall(position)
            span = _CODE_SPAN.match(text, position) if self._state is State.PROSE else None
            marks = span or _MARKS.match(text, position)
            end = marks.end() if marks else position + 1
            if text[position] == "`":
                return self._give_back(position, end)
            if self._state is not State.PROSE:
                self._go(Signal.WORDS)
            self._write_prose(text[position:end])  # tildes open a fence only on their own line
            return end
        if fence.end() - position > self._limits.lookahead_chars:
            return self._give_back(position, fence.end("fence"))
        if fence.end() == len(text) and self._may_wait(position):
            return self._stall(position)
        if _LANGUAGE.sub("", fence["language"]).lower() in FENCES and (at := self._json_fence(fence)) is not None:
            return at
        self._write_prose(text[position : fence.end()])
        self._fence = fence["fence"]
        self._go(Signal.FENCE)
        return fence.end()

    def _json_fence(self, fence: re.Match[str]) -> int | None:
        """The next position if an answer may stand in this code fence; None if it is code."""
        text, at = self._text, fence.end()
        if text[at : at + 1] in ("[", "{"):
            return self._brackets(fence.start(), at)
        waits = self._may_wait(fence.start())
        if self._state is State.START and self._encoded is None:
            if _ENCODED.match(text, at):  # the whole answer is one JSON string
                self._write_prose(words_of_fence(fence.group()))
                self._fence = fence["fence"]
                return self._decode(at + 1)
            if waits and _ENCODED_PREFIX.match(text, at):
                return self._stall(fence.start())
        if self._state is not State.PROSE:
            if text.startswith(fence["fence"], at):
                self._write_prose(words_of_fence(fence.group()))
                return at + len(fence["fence"])  # nothing is in it
            if waits and fence["fence"].startswith(text[at:]):
                return self._stall(fence.start())
        return None

    def _may_be_span(self, position: int) -> bool:
        return self._state is State.PROSE and _CODE_SPAN_PREFIX.match(self._text, position) is not None

    def _brackets(self, start: int, position: int) -> int:
        """At brackets that may open a block; what is given back if they do not begins at `start`, a fence perhaps."""
        text = self._text
        brackets = BRACKETS.match(text, position)
        brace = brackets.end() if brackets else position
        waits = self._may_wait(start)
        most = start + self._limits.lookahead_chars
        if brace == len(text):
            return self._stall(start) if waits else self._give_back(start, brace)
        if text[brace] != "{" or brace >= most:
            if start == position and self._state is State.START:
                if waits and STRINGS_PREFIX.match(text, start):
                    return self._stall(start)
                if self._last and STRINGS.match(text, start):
                    return self._plain_text(start)
            return self._give_back(start, max(brace, start + 1))
        if self._state is State.START and start == position == brace and _EMPTY_OBJECT.match(text, start):
            return self._stall(start) if waits else len(text)
        typographic = TYPOGRAPHIC_START.match(text, brace)
        if typographic and self._may_be_block(typographic["key"] or "type"):
            self._straighten(brace)
            return start
        if waits and TYPOGRAPHIC_PREFIX.match(text, brace):
            return self._stall(start)
        key = KEY.match(text, brace)
        if key is None or key.end() > most:
            if key is None and waits and KEY_PREFIX.match(text, brace):
                return self._stall(start)
            return self._give_back(start, brace + 1)
        if self._state is State.PROSE and not begins_block(key["key"]):
            return self._give_back(start, brace + 1)
        return self._object_opens(start, brace, waits=waits)

    def _plain_text(self, position: int) -> int:
        """The answer is one JSON string, or an array of strings, and nothing else."""
        self._go(Signal.WORDS)
        self._write_prose(plain_text(self._text[position:]))
        return len(self._text)

    def _may_be_block(self, key: str) -> bool:
        return canonical_key(unquoted(key)) == "type" if self._state is State.PROSE else begins_block(key)

    def _straighten(self, brace: int) -> None:
        """Give the object at `brace`, whose quotes are typographic, straight quotes."""
        straight = StraightQuotes()
        self._text = self._text[:brace] + straight.decode(self._text[brace:], last=self._last)
        if not (straight.closed or self._last):
            self._straight = straight

    def _object_opens(self, start: int, brace: int, *, waits: bool) -> int:
        """`{ KEY :` is in the text: one expression tells most blocks."""
        text = self._text
        head = HEAD.match(text, brace)
        meant = block_type(head["type"]) if head else None
        if head and meant is not None:
            if meant[0] is not BlockType.TEXT and meant[1]:
                self._enter(text[start:brace])
                return self._open_structure(meant[0], brace, raw=head["quote"] == "'")
            content = TEXT_HEAD.match(text, brace) if meant[0] is BlockType.TEXT else None
            if content and content["key"] in TEXT_KEYS:
                self._enter(text[start:brace])
                return self._open_text(content.end(), content["open"])
        if waits and (head is None or meant is not None) and TEXT_HEAD_PREFIX.match(text, brace):
            return self._stall(start)
        self._lead = text[start:brace]
        self._origin = self._state
        self._go(Signal.OPENED)
        self._scanner = ObjectScanner()
        self._held = []
        self._size = 0
        self._object_at = brace
        return brace

    def _open_text(self, position: int, quote: str) -> int:
        in_array = bool(self._layers) and self._layers[-1] == "["
        self._layers.append("T")
        self._open(BlockType.TEXT)
        self._text_index = self._index
        self._go(Signal.TEXT_OPENED)
        self._reader = TextReader(quote, self._limits.lookahead_chars, in_array=in_array)
        return position

    def _open_structure(self, kind: BlockType, position: int, *, raw: bool) -> int:
        self._open(kind)
        self._kind = kind
        self._go(Signal.TYPED)
        self._structure = Structure(raw=raw)
        self._began = self._base + position
        return position
