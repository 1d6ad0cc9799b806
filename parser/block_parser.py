"""The parser: the text a model writes in, block events out. See `docs/parser.md` for the rules in full."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from parser.assembly import FIELDS, WRAPPER_KEY
from parser.blocks import BlockType
from parser.events import BlockOpened, Event, TextDelta
from parser.limits import Limits
from parser.open_block import OpenBlock
from parser.states import CHARACTERS, TRANSITIONS, Signal, State
from parser.strings import SurrogateMender

_BYTE_ORDER_MARK = "\ufeff"
_SPACE = re.compile(r"[ \t\r\n]*")
_OPENER = re.compile(r"[\[{`]")
_BRACKET = re.compile(r"[\[{]")
_BATCH = 256  # characters deep inside a block that may wait for a bracket to close
_UNFINISHED = (State.HEAD, State.MEMBERS, State.TEXT, State.STRUCTURE)
_ATTEMPT = (
    *(State.TICK, State.TICKS, State.FENCE_INFO, State.FENCED, State.ARRAY, State.EMPTY_ARRAY),
    *(State.OBJECT, State.KEY, State.KEY_ESCAPE, State.KEY_END),
)


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
        # Deep inside a block nothing can come of a token before a bracket closes: such tokens wait, up to `_room`.
        self._room = 0
        self._batch: list[str] = []
        # Between blocks.
        self._held = ""  # text that may be the beginning of a block
        self._origin = State.START  # where it began
        self._in_prose = False  # whether the newest block is open prose
        self._fenced = False
        self._wrappers = 0
        self._block: OpenBlock | None = None  # from its first key to its end
        self._duplicate_keys = 0  # in the blocks before it

    def __repr__(self) -> str:
        return f"<BlockParser {self._state.value}, block {self._index}, offset {self._offset}>"

    @property
    def duplicate_keys(self) -> int:
        """How many keys occurred again in their object so far; the last one counts."""
        return self._duplicate_keys + (self._block.duplicate_keys if self._block else 0)

    def feed(self, text: str) -> list[Event]:
        """Take the next characters, cut anywhere; the events they complete. Raises `ValueError` after `close`."""
        if self._room > len(text) and "]" not in text and "}" not in text:
            self._room -= len(text)
            self._batch.append(text)
            return []
        if self._state is State.CLOSED:
            raise ValueError("feed() after close()")
        events: list[Event] = []
        self._events = events
        self._take(text, last=False)
        self._room = _BATCH if self._state is State.STRUCTURE and self._block and self._block.may_wait else 0
        return events

    def close(self) -> list[Event]:
        """The answer is over: the events of what was held, and one `BlockRejected` for a block that is unfinished.

        A second call gives nothing.
        """
        if self._state is State.CLOSED:
            return []
        events: list[Event] = []
        self._events = events
        self._take("", last=True)
        self._room = 0
        if self._held:
            if self._state is not State.EMPTY_ARRAY or self._origin is not State.START:
                self._write_prose(self._held)
            self._held = ""
        elif self._block and self._state in _UNFINISHED:
            events.append(self._block.unfinished(self._offset))
        self._go(Signal.CLOSE)
        self._events = []
        return events

    # ---- the text in hand -------------------------------------------------------------------------------------------

    def _take(self, text: str, *, last: bool) -> None:
        if self._batch:
            self._batch.append(text)
            text = "".join(self._batch)
            self._batch.clear()
        if last or self._mender.held or not text.isascii():
            text = self._mender.mend(text, last=last)
        if not text:
            return
        if self._offset == 0 and text[0] == _BYTE_ORDER_MARK:
            self._offset = 1
            text = text[1:]
        self._run(text, self._offset)
        self._offset += len(text)

    def _run(self, text: str, base: int) -> None:
        """Work through `text`, whose first character has the offset `base`. Nested when held text is read again."""
        outer = self._base
        self._base = base
        position = 0
        while position < len(text):
            if self._block:
                position = self._read(self._block, text, position)
            else:
                position = _STEPS[self._state](self, text, position)
        self._base = outer

    def _go(self, signal: Signal) -> None:
        self._state = TRANSITIONS[self._state][signal]

    # ---- between blocks ---------------------------------------------------------------------------------------------

    def _between(self, text: str, position: int) -> int:
        space = _SPACE.match(text, position)
        if space and space.end() > position:
            return space.end()
        signal = CHARACTERS.get(text[position], Signal.OTHER)
        state = TRANSITIONS[self._state][signal]
        if state is State.PROSE:
            self._state = state
            return position
        if state is self._state:
            if signal is Signal.CLOSE_ARRAY and self._wrappers:
                self._go(Signal.WRAPPER_TAIL)
                self._block = OpenBlock(self._index, self._limits)
            elif signal is Signal.CLOSE_OBJECT and self._wrappers:
                self._wrappers -= 1
            return position + 1
        return self._hold(text[position], state, position)

    def _prose(self, text: str, position: int) -> int:
        opener = _OPENER.search(text, position)
        if opener is None:
            self._write_prose(text[position:])
            return len(text)
        if opener.start() > position:
            self._write_prose(text[position : opener.start()])
        state = TRANSITIONS[self._state][CHARACTERS[opener.group()]]
        return self._hold(opener.group(), state, opener.start())

    def _hold(self, character: str, state: State, position: int) -> int:
        self._held = character
        self._origin = self._state
        self._state = state
        return position + 1

    def _attempt(self, text: str, position: int) -> int:
        state = self._state
        start = position
        most = start + self._limits.lookahead_chars - len(self._held)
        while position < len(text):
            signal = CHARACTERS.get(text[position], Signal.OTHER)
            if state is State.TICKS and self._fenced and signal is Signal.BACKTICK:
                signal = Signal.FENCE_END
            following = TRANSITIONS[state].get(signal)
            if following is None or position >= most:
                self._held += text[start:position]
                return self._give_back(position, whole=position >= most)
            position += 1
            if following is State.HEAD:
                self._held += text[start:position]
                return self._open_block(position)
            if following is State.AFTER:
                self._held = ""
                self._in_prose = self._fenced = False
                self._state = following
                return position
            state = following
        self._held += text[start:]
        self._state = state
        return position

    def _give_back(self, position: int, *, whole: bool) -> int:
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
        try:
            key = json.loads(held[brace + 1 : -1])
        except ValueError:
            return self._give_back(position, whole=False)
        if self._origin is State.PROSE and key not in FIELDS and key != WRAPPER_KEY:
            return self._give_back(position, whole=False)
        self._state = State.HEAD
        self._fenced = self._fenced or held[0] == "`"
        self._held = ""
        self._in_prose = False
        self._index += 1
        self._block = OpenBlock(self._index, self._limits)
        self._run(held[brace:], self._base + position - len(held) + brace)
        return position

    # ---- in a block -------------------------------------------------------------------------------------------------

    def _read(self, block: OpenBlock, text: str, position: int) -> int:
        reached, signal = block.take(self._state, text, position, self._base, self._events)
        if signal is None:
            return reached
        if signal is Signal.WRAPPER:
            self._index -= 1
            self._wrappers += 1
        elif self._state is State.WRAPPER_END and signal is Signal.BLOCK_END:
            self._wrappers -= 1
        self._go(signal)
        if self._state is State.AFTER:
            self._duplicate_keys += block.duplicate_keys
            self._block = None
            if signal is Signal.BLOCK_SEEN:
                self._run(block.next_block, self._base + reached - len(block.next_block))
        return reached


_STEPS: Mapping[State, Callable[[BlockParser, str, int], int]] = {
    State.START: BlockParser._between,
    State.AFTER: BlockParser._between,
    State.PROSE: BlockParser._prose,
} | dict.fromkeys(_ATTEMPT, BlockParser._attempt)
