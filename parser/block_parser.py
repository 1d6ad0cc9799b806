"""The parser: the text a model writes in, block events out. See `docs/parser.md` for the rules in full."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from parser.block_reader import EXCERPT, READERS, BlockReader
from parser.blocks import BlockType
from parser.events import BlockOpened, Event, TextDelta
from parser.limits import Limits, is_ours
from parser.states import ATTEMPT, NEXT, TRANSITIONS, UNFINISHED, Signal, State
from parser.strings import decode_short
from parser.surrogates import SurrogateMender

_BYTE_ORDER_MARK = "\ufeff"
_SPACE = re.compile(r"[ \t\r\n]*")
_OPENER = re.compile(r"[\[{`]")
_BRACKET = re.compile(r"[\[{]")
_BATCH = 256  # characters of tokens that wait


# Looking up a member of an enum costs more than the rest of what is done for most tokens.
_CLOSED, _STRUCTURE, _HEAD, _FENCE_INFO = State.CLOSED, State.STRUCTURE, State.HEAD, State.FENCE_INFO
_TEXT, _MEMBERS, _PROSE, _AFTER = State.TEXT, State.MEMBERS, State.PROSE, State.AFTER
_PUSHING = frozenset((State.HEAD, State.MEMBERS, State.STRUCTURE))
_OTHERS: Mapping[State, State | None] = {state: TRANSITIONS[state].get(Signal.OTHER) for state in State}


class BlockParser:
    """Feed it the characters of one answer as they come; act on the events.

    Never raises for what it is fed. Holds at most one block (`Limits.block_bytes`) and, between blocks,
    `Limits.lookahead_chars`. Not for use by two tasks at once.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._state = State.START
        self._events: list[Event] = []
        self._index = -1  # of the newest block
        self._offset = 0  # characters taken before the ones in hand
        self._base = 0  # the offset of the first character of the text in hand
        self._mender = SurrogateMender()
        # Inside a block, tokens with which nothing can happen wait, up to `_room` characters: in members of members,
        # those before `_closing` brackets have closed; elsewhere, those without a brace and, once `_quoted`, a quote.
        self._room = 0
        self._closing = 0
        self._quoted = False
        self._batch: list[str] = []
        # In a text block's content with nothing held of a character: where to keep what was taken.
        self._keep: Callable[[str], object] | None = None
        # Between blocks.
        self._held = ""  # text that may be the beginning of a block
        self._origin = State.START  # where it began
        self._in_prose = False  # whether the newest block is open prose
        self._fenced = False
        self._wrappers = 0
        self._block: BlockReader | None = None  # from its first key to its end
        self._duplicate_keys = 0  # in the blocks before it

    def __repr__(self) -> str:
        return f"<BlockParser {self._state.value}, block {self._index}, offset {self._offset}>"

    @property
    def duplicate_keys(self) -> int:
        """How many keys occurred again in their object so far; the last one counts."""
        return self._duplicate_keys + (self._block.duplicate_keys if self._block else 0)

    def feed(self, text: str) -> list[Event]:
        """Take the next characters, cut anywhere; the events they complete. Raises `ValueError` after `close`."""
        keep = self._keep
        if keep is not None:
            # Nearly every token is nothing but content. No surrogate or control character is printable.
            if '"' not in text and text.isprintable() and 0 < len(text) <= EXCERPT:
                decoded = text if "\\" not in text else decode_short(text)
                if decoded:
                    keep(text)
                    self._offset += len(text)
                    return [TextDelta(self._index, decoded)]
        elif (room := self._room - len(text)) > 0:
            closing = self._closing
            if closing:
                waits = True
                if "]" in text or "}" in text:
                    self._closing = closing = closing - text.count("]") - text.count("}")
                    waits = closing > 0
            elif "}" in text:
                waits = False
            elif '"' in text:
                waits = not self._quoted and "\\" not in text and text.count('"') == 1
                self._quoted = True
            else:
                waits = True
            if waits:
                self._room = room
                self._batch.append(text)
                return []
        if self._state is _CLOSED:
            raise ValueError("feed() after close()")
        events: list[Event] = []
        self._events = events
        if self._batch:
            self._batch.append(text)
            text = "".join(self._batch)
            self._batch.clear()
        block = self._block
        if self._state is not _STRUCTURE or block is None or self._mender.held or not self._push(block, text):
            self._take(text, last=False)
        self._foresee()
        return events

    def _foresee(self) -> None:
        """Say which of the next tokens may wait, or are content and nothing else."""
        state = self._state
        self._room = 0
        self._keep = None
        block = self._block
        if block is None:
            return
        if state is _TEXT:
            if not self._mender.held:
                self._keep = block.keep
        elif state in _PUSHING:
            self._room = _BATCH
            builder = block.builder
            strings = builder.strings
            self._closing = builder.depth - 1 if state is _STRUCTURE and not strings.stalled else 0
            self._quoted = state is _MEMBERS or strings.inside

    def close(self) -> list[Event]:
        """The answer is over: the events of what was held, and one `BlockRejected` for a block that is unfinished.

        A second call gives nothing.
        """
        if self._state is State.CLOSED:
            return []
        events: list[Event] = []
        self._events = events
        self._take("".join(self._batch), last=True)
        self._batch.clear()
        self._room = 0
        self._keep = None
        if self._held:
            if self._state is not State.EMPTY_ARRAY or self._origin is not State.START:
                self._write_prose(self._held)
            self._held = ""
        elif self._block and self._state in UNFINISHED:
            events.append(self._block.unfinished(self._offset))
        self._go(Signal.CLOSE)
        self._events = []
        return events

    # ---- the text in hand -------------------------------------------------------------------------------------------

    def _take(self, text: str, *, last: bool) -> None:
        if last or self._mender.held or not text.isascii():
            text = self._mender.mend(text, last=last)
        if not text:
            return
        if self._offset == 0 and text[0] == _BYTE_ORDER_MARK:
            self._offset = 1
            text = text[1:]
        self._run(text, self._offset)
        self._offset += len(text)

    def _push(self, block: BlockReader, text: str) -> bool:
        """The short way of `_run` for a token in a block that is no text; false if it has a surrogate or is long."""
        if len(text) > 2 * _BATCH:
            return False
        builder = block.builder
        before = len(builder.source)
        try:
            builder.push(text)
        except UnicodeEncodeError:
            return False
        base = self._offset
        self._offset += len(text)
        if builder.fault is not None or builder.done:
            position, signal = block.settle(text, 0, len(text), before, base, self._events)
            if signal is not None:
                self._advance(block, signal, base + position)
            self._run(text[position:], base + position)
        return True

    def _run(self, text: str, base: int) -> None:
        """Work through `text`, whose first character has the offset `base`. Nested when held text is read again."""
        outer = self._base
        self._base = base
        position = 0
        while position < len(text):
            block = self._block
            if block is None:
                position = _STEPS[self._state](self, text, position)
                continue
            position, signal = READERS[self._state](block, text, position, base, self._events)
            if signal is not None:
                self._advance(block, signal, base + position)
        self._base = outer

    def _go(self, signal: Signal) -> None:
        self._state = TRANSITIONS[self._state][signal]

    # ---- between blocks ---------------------------------------------------------------------------------------------

    def _between(self, text: str, position: int) -> int:
        space = _SPACE.match(text, position)
        if space and space.end() > position:
            return space.end()
        character = text[position]
        state = NEXT[self._state].get(character, _PROSE)
        if state is _PROSE:
            self._state = state
            return position
        if state is not _AFTER:
            return self._hold(character, state, position)
        if character == "]" and self._wrappers:
            self._wrappers -= 1
            self._go(Signal.WRAPPER_TAIL)
            self._block = BlockReader(self._index, self._limits)
        elif character == "}" and self._wrappers:
            self._wrappers -= 1
        return position + 1

    def _prose(self, text: str, position: int) -> int:
        opener = _OPENER.search(text, position)
        if opener is None:
            self._write_prose(text[position:])
            return len(text)
        if opener.start() > position:
            self._write_prose(text[position : opener.start()])
        return self._hold(opener.group(), NEXT[self._state][opener.group()], opener.start())

    def _hold(self, character: str, state: State, position: int) -> int:
        self._held = character
        self._origin = self._state
        self._state = state
        return position + 1

    def _attempt(self, text: str, position: int) -> int:
        state = self._state
        start = position
        stop = min(len(text), start + self._limits.lookahead_chars - len(self._held))
        while position < stop:
            character = text[position]
            following = NEXT[state].get(character, _OTHERS[state])
            if following is None:
                self._held += text[start:position]
                return self._give_back(position)
            position += 1
            if following is _HEAD:
                self._held += text[start:position]
                return self._open_block(position)
            if following is _FENCE_INFO and self._fenced and state is not following:
                self._held = ""
                self._in_prose = self._fenced = False
                self._state = TRANSITIONS[state][Signal.FENCE_END]
                return position
            state = following
        self._held += text[start:position]
        self._state = state
        if position < len(text):
            return self._give_back(position, whole=True)
        return position

    def _give_back(self, position: int, *, whole: bool = False) -> int:
        """What was held is no block: it is prose, up to the next character in it that may begin one."""
        held, self._held = self._held, ""
        brace = held.find("{")
        again = _BRACKET.search(held, brace + 1) if brace >= 0 and not whole else None
        cut = again.start() if again else len(held)
        self._go(Signal.NOT_A_BLOCK)
        self._write_prose(held[:cut])
        if cut < len(held):
            self._run(held[cut:], self._base + position - len(held) + cut)
        return position

    def _write_prose(self, text: str) -> None:
        if not self._in_prose:
            self._in_prose = True
            self._index += 1
            self._events.append(BlockOpened(self._index, BlockType.TEXT))
        self._events.append(TextDelta(self._index, text))

    def _open_block(self, position: int) -> int:
        """`{ "key" :` has been seen."""
        held = self._held
        brace = held.find("{")
        if self._origin is _PROSE and not is_ours(held[brace + 1 : -1]):
            return self._give_back(position)
        self._state = _HEAD
        self._fenced = self._fenced or held[0] == "`"
        self._held = ""
        self._in_prose = False
        self._index += 1
        self._block = BlockReader(self._index, self._limits)
        self._run(held[brace:], self._base + position - len(held) + brace)
        return position

    # ---- in a block -------------------------------------------------------------------------------------------------

    def _advance(self, block: BlockReader, signal: Signal, offset: int) -> None:
        """Something happened in `block`, before the character at `offset`."""
        self._state = after = TRANSITIONS[self._state][signal]
        if after is _AFTER:
            if signal is Signal.WRAPPER:
                self._index -= 1
                self._wrappers += 1
            self._duplicate_keys += block.duplicate_keys
            self._block = None
            if signal is Signal.BLOCK_SEEN:
                self._run(block.next_block, offset - len(block.next_block))


_STEPS: Mapping[State, Callable[[BlockParser, str, int], int]] = {
    State.START: BlockParser._between,
    State.AFTER: BlockParser._between,
    State.PROSE: BlockParser._prose,
} | dict.fromkeys(ATTEMPT, BlockParser._attempt)
