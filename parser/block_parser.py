"""The parser: the text a model writes in, block events out. See `docs/parser.md` for the rules in full."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from parser.block_reader import strict_block
from parser.blocks import BlockType
from parser.events import BlockOpened, BlockReady, Event, TextDelta
from parser.heads import FIRST_HEAD, NEXT_HEAD
from parser.limits import Limits
from parser.object_scanner import Found
from parser.openings import Openings
from parser.states import Signal, State

_BYTE_ORDER_MARK = "\ufeff"
# In an array no character of text is shorter than this, so nothing that can be shown waits.
_SHORTEST_HEAD = len('{"type":"text"')
_OPENERS = ("[", "{", "[{", '[{"')
_BRACE = re.compile("[{}]")
_LONGEST_TOKEN = 256  # longer ones go through the table, which does not copy what follows a block
STRUCTURED = {kind.value: kind for kind in BlockType if kind is not BlockType.TEXT}
_TEXT, _STRUCTURE = State.TEXT, State.STRUCTURE


class BlockParser(Openings):
    """Feed it the characters of one answer as they arrive, and act on the events.

    No input raises an exception. Holds at most one block (`Limits.block_bytes`) and, between blocks,
    `Limits.lookahead_chars`. Two tasks must not use it at the same time.
    """

    __slots__ = ()

    def __init__(self, limits: Limits | None = None) -> None:
        super().__init__(limits or Limits())

    def __repr__(self) -> str:
        return f"<BlockParser {self._state.value}, block {self._index}, offset {self._base}>"

    def feed(self, text: str) -> list[Event]:
        """Take the next characters, cut anywhere; the events they complete. Raises `ValueError` after `close`."""
        room = self._room - len(text)
        if room > 0:
            self._room = room
            self._waiting.append(text)
            if "}" not in text:
                if "{" not in text:
                    return []
                self._depth += text.count("{")
                # In JSON a brace opens an object with a key. One in a string may not be counted.
                if '{"' in text or text[-1] == "{":
                    return []
            elif (depth := self._depth - text.count("}")) > 0:
                self._depth = depth + text.count("{") if "{" in text else depth
                return []
            elif (events := self._close_braces(text)) is not None:
                return events
            return self._take("", last=False)
        if quote := self._plain:
            # No surrogate is ASCII or printable.
            if (
                quote not in text
                and "{" not in text
                and "}" not in text
                and "\\" not in text
                and (text.isascii() or text.isprintable())
                and text
            ):
                self._base += len(text)
                return [TextDelta(self._index, text)]
        elif self._heads and text.isascii():
            return self._head(text)
        if self._state is State.CLOSED:
            raise ValueError("feed() after close()")
        return self._take(text, last=False)

    def _head(self, text: str) -> list[Event]:
        """Recognise the head of the next block by one expression."""
        self._carry = carry = self._carry + text
        size = len(carry)
        after = self._state is State.AFTER
        if size < _SHORTEST_HEAD and (carry[:1] in ", {" if after else carry[:3] in _OPENERS):
            return []
        if size < _LONGEST_TOKEN and (head := (NEXT_HEAD if after else FIRST_HEAD).match(carry)):
            if head["end"]:
                if (kind := STRUCTURED.get(head["type"])) is not None:
                    begin = carry.index("{")
                    if not after:
                        self._enter(carry[:begin])
                    return self._open_next(kind, begin, head.end())
            elif head.end() == size:
                return []
        return self._take("", last=False)

    def _open_next(self, kind: BlockType, begin: int, end: int) -> list[Event]:
        """Open a structured block whose head is the carry from `begin` to `end`."""
        carry = self._carry
        self._carry = ""
        self._base += begin
        self._began = self._base
        self._in_prose = False
        self._index += 1
        self._kind = kind
        self._structure = None
        self._state = _STRUCTURE
        self._heads = False
        self._room = self._limits.block_bytes - end + begin
        self._depth = 1
        self._waiting.append(carry[begin:end])
        events: list[Event] = [BlockOpened(self._index, kind)]
        if end < len(carry):
            events += self.feed(carry[end:])
        return events

    def _close_braces(self, text: str) -> list[Event] | None:
        """A token that may close all braces: the events, or None if there is doubt."""
        if len(text) > _LONGEST_TOKEN:
            return None
        depth = self._depth
        end = 0
        while depth:
            brace = _BRACE.search(text, end)
            if brace is None:
                self._depth = depth
                return []
            depth += 1 if brace.group() == "{" else -1
            end = brace.end()
        waiting = self._waiting
        rest = len(text) - end
        if rest:
            waiting[-1] = text[:end]
        whole = "".join(waiting)
        structure = self._structure
        if structure is not None and structure.parts:
            whole = "".join(structure.parts) + whole
        block = strict_block(self._kind, whole, self._limits)
        if block is None:
            waiting[-1] = text
            return None
        self.work += len(whole)
        events: list[Event] = [BlockReady(self._index, block)]
        self._state = State.AFTER
        self._base = self._began + len(whole)
        waiting.clear()
        self._room = 0
        self._heads = self._layers[-1:] == ["["]
        if rest:
            events += self.feed(text[end:])
        return events

    def close(self) -> list[Event]:
        """End the answer: the events of the text that was held, and `BlockRejected` for an unfinished structured block.

        A second call returns no events.
        """
        if self._state is State.CLOSED:
            return []
        events = self._take("", last=True)
        self._go(Signal.CLOSE)
        self._foresee()
        return events

    def _take(self, text: str, *, last: bool) -> list[Event]:
        """Process the text that waits, and `text`, by the transition table."""
        events: list[Event] = []
        self._events = events
        if self._waiting:
            text = "".join(self._waiting) + text
            self._waiting.clear()
        if last or self._mender.held or not text.isascii():
            text = self._mender.mend(text, last=last)
        if self._encoded is not None:
            text = self._encoded.decode(text, last=last)
        if self._straight is not None:
            text = self._straight.decode(text, last=last)
            if self._straight.closed:
                self._straight = None
        if self._carry:
            text = self._carry + text
            self._carry = ""
        if text and self._base == 0 and text[0] == _BYTE_ORDER_MARK:
            text = text[1:]
            self._base = 1
        self._run(text, last=last)
        self._foresee()
        return events

    def _foresee(self) -> None:
        """Choose the fast path that the next token may take."""
        self._plain = ""
        self._room = 0
        self._heads = False
        if self._mender.held or self._encoded is not None or self._straight is not None:
            return
        if self._state is _STRUCTURE:
            structure = self._structure
            if structure is None or structure.inside:
                return  # the next block may begin in a string that was not closed
            self._depth = structure.depth
            self._room = self._limits.block_bytes - structure.bytes - len(self._carry)
            if self._carry:
                self._waiting.append(self._carry)
                self._depth += self._carry.count("{")
                self._carry = ""
        elif self._state is _TEXT:
            if not self._carry:
                self._plain = self._reader.quote
        elif self._state is State.START:
            self._heads = not self._carry
        elif self._state is State.AFTER:
            self._heads = not self._carry and self._layers[-1:] == ["["]

    def _run(self, text: str, *, last: bool) -> None:
        """Work through `text`, whose first character has the offset `_base`, and carry what needs more."""
        self._text = text
        self._last = last
        self._stalled = False
        self._object_at = -1
        position = 0
        while position < len(self._text) and not self._stalled:
            self.work += 1
            position = _STEPS[self._state](self, position)
        if last:
            self._end_open()
            self._base += len(self._text)
            self._carry = ""
        else:
            self._carry = self._text[position:]
            self._base += position
        self._text = ""

    def _run_piece(self, piece: str, base: int) -> None:
        """Read `piece`, at the offset `base`, as if the answer ended with it, then go on after a block."""
        outer = self._text, self._base, self._last, self._stalled, self._object_at
        self._state = State.AFTER
        self._base = base
        self._run(piece, last=True)
        self._state = State.AFTER
        self._text, self._base, self._last, self._stalled, self._object_at = outer

    # ---- in a block -------------------------------------------------------------------------------------------------

    def _in_text(self, position: int) -> int:
        decoded, at, ended = self._reader.read(self._text, position, last=self._last)
        if decoded:
            self._events.append(TextDelta(self._index, decoded))
        if ended:
            self._go(Signal.TEXT_END)
        elif at < len(self._text):
            return self._stall(at)
        return at

    def _in_object(self, position: int) -> int:
        scanner = self._scanner
        stop = min(len(self._text), position + self._limits.block_bytes - self._size)
        at, found = scanner.scan(self._text if stop == len(self._text) else self._text[:stop], position)
        self.work += at - position
        self._held.append(self._text[position:at])
        self._size += at - position
        if found is None:
            return self._object_too_large(at) if self._size >= self._limits.block_bytes else at
        if found is Found.END:
            return self._object_ends(at)
        if found is Found.CONTENT:
            before = self._text_before()
            self._enter(self._lead)
            begin = self._open_text(at, scanner.quote)
            if before:
                self._events.append(TextDelta(self._index, before))
            return begin
        begin = self._rewind(at)
        if found is Found.TYPED and scanner.type is not None:
            self._enter(self._lead)
            source = self._text[begin : begin + 64]
            return self._open_structure(scanner.type, begin, raw="'" in source and '"' not in source)
        self._inner_begins(self._text[begin : begin + scanner.inner])
        return begin + scanner.inner

    def _in_tail(self, position: int) -> int:
        stop = min(len(self._text), position + self._limits.block_bytes - self._size)
        at, found = self._scanner.scan(self._text if stop == len(self._text) else self._text[:stop], position)
        self.work += at - position
        self._held.append(self._text[position:at])
        self._size += at - position
        if found is Found.INNER:
            begin = self._rewind(at)
            self._inner_begins(self._text[begin : begin + self._scanner.inner])
            return begin + self._scanner.inner
        if found is Found.END or self._size >= self._limits.block_bytes:
            self._tail_ends(cut=found is None)
            self._leave("{")
            self._go(Signal.BLOCK_END)
        return at


_STEPS: Mapping[State, Callable[[BlockParser, int], int]] = {
    State.START: BlockParser._between,
    State.AFTER: BlockParser._between,
    State.PROSE: BlockParser._prose,
    State.CODE: BlockParser._code,
    State.OBJECT: BlockParser._in_object,
    State.TEXT: BlockParser._in_text,
    State.TAIL: BlockParser._in_tail,
    State.STRUCTURE: BlockParser._in_structure,
    State.SKIP: BlockParser._in_structure,
}
