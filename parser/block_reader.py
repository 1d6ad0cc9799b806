"""One block that the model has opened: its head, its content or structure, and what is skipped once it is refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic import ValidationError

from parser.block_builder import BlockBuilder
from parser.blocks import (
    Block,
    BlockType,
    BoundChartBlock,
    BoundTableBlock,
    BoundTimelineBlock,
    ChartBlock,
    EntityRefBlock,
    TableBlock,
    TimelineBlock,
)
from parser.events import INVALID_JSON, BlockOpened, BlockReady, BlockRejected, Event, Fault, RejectReason, TextDelta
from parser.fault_position import Located, locate
from parser.limits import Limits
from parser.recovery import Recovery
from parser.states import Signal, State
from parser.strings import StringDecoder, StringEnd

_MODELS: Mapping[BlockType, type[Block]] = {
    BlockType.CHART: ChartBlock,
    BlockType.TABLE: TableBlock,
    BlockType.TIMELINE: TimelineBlock,
    BlockType.ENTITY_REF: EntityRefBlock,
}
_BOUND: Mapping[BlockType, type[Block]] = {
    BlockType.CHART: BoundChartBlock,
    BlockType.TABLE: BoundTableBlock,
    BlockType.TIMELINE: BoundTimelineBlock,
}
_STEP = 4_096  # characters pushed at once, so that what follows a block's end in a huge chunk is not copied again
EXCERPT = 80
"""Characters of an excerpt."""

Step = tuple[int, Signal | None]
"""How far the text was taken, and what happened there."""


_NO_DECODER = StringDecoder()
_TEXT = BlockType.TEXT
_BLOCK_END = Signal.BLOCK_END  # looking up a member of an enum costs as much as a call


class BlockReader:
    """Reads block `index` from its `{` on, by a reader per state, until `BLOCK_END`, `WRAPPER` or `BLOCK_SEEN`."""

    __slots__ = ("_counted", "_decoder", "_recent", "_recovery", "builder", "index", "limits")

    def __init__(self, index: int, limits: Limits) -> None:
        self.index = index
        self.limits = limits
        self.builder = BlockBuilder(limits)
        self._counted: int | None = None  # the duplicate keys before the fault
        self._decoder = _NO_DECODER  # a text block gets its own
        # Of a text block: the last characters, in pieces of at least one, as its content is kept nowhere else.
        self._recent: deque[str] = deque(maxlen=EXCERPT)
        self._recovery: Recovery | None = None

    def unfinished(self, offset: int) -> BlockRejected:
        """The event for an answer that ends in this block."""
        return self._rejected(
            Fault(RejectReason.UNFINISHED, "The answer ended inside the block."), offset, self._tail()
        )

    @property
    def duplicate_keys(self) -> int:
        """How many keys occurred again in their object, up to the block's end or the fault in it."""
        return self.builder.duplicate_keys if self._counted is None else self._counted

    @property
    def next_block(self) -> str:
        """With `BLOCK_SEEN`: the characters of the next block that have been taken."""
        return self._recovery.next_block if self._recovery else ""

    # ---- readers, one per state -------------------------------------------------------------------------------------

    def _head(self, text: str, position: int, base: int, events: list[Event]) -> Step:
        builder = self.builder
        end = self._end_of_piece(text, position) if builder.source else len(text)
        step = self._push(text, position, end, base, events)
        if builder.wrapper:
            after_array = text.find("[", position, end) + 1
            if builder.wrapper == "[":
                return after_array, Signal.WRAPPER
            return text.find("{", max(after_array, position), end), Signal.WRAPPER
        if step[1] is None and builder.type is not None:
            return step[0], self._typed(builder.type, events)
        return step

    def _members(self, text: str, position: int, base: int, events: list[Event]) -> Step:
        builder = self.builder
        if builder.open_key == "content" and not builder.in_string:
            quote = text.find('"', position, position + _STEP)
            if quote == position:
                return self._open_content(text, position, base, events)
            end = quote if quote > position else min(len(text), position + _STEP)
        else:
            end = self._end_of_piece(text, position)
        return self._push(text, position, end, base, events)

    @property
    def keep(self) -> Callable[[str], object] | None:
        """In the content: takes the source of what needs no decoder, at most `EXCERPT` characters and at least one.

        None while an escape is incomplete.
        """
        return None if self._decoder.kept else self._recent.append

    def _text(self, text: str, position: int, base: int, events: list[Event]) -> Step:
        decoded, end, ended = self._decoder.decode(text, position)
        if decoded:
            events.append(TextDelta(self.index, decoded))
        self._remember(text[position:end])
        if ended is StringEnd.OPEN:
            return end, None
        if ended is StringEnd.CLOSED:
            return end, Signal.STRING_END
        tail = self._tail()
        events.append(self._rejected(INVALID_JSON, base + end, tail + text[end]))
        self._recovery = Recovery(self.builder.brackets, tail, inside=True, broken=True)
        return end, Signal.BROKEN

    def _structure(self, text: str, position: int, base: int, events: list[Event]) -> Step:
        return self._push(text, position, min(len(text), position + _STEP), base, events)

    def _skip(self, text: str, position: int, _base: int, _events: list[Event]) -> Step:
        if self._recovery is None:  # only a wrapper's end is skipped without a fault
            self._recovery = Recovery(["}"], "", inside=False, broken=False)
        return self._recovery.scan(text, position)

    # ---- parts ------------------------------------------------------------------------------------------------------

    def _end_of_piece(self, text: str, position: int) -> int:
        """After the next closing quote, so that a key or a type is seen before what follows it is pushed."""
        if not self.builder.in_string:
            position_in = text.find('"', position) + 1
            end = self.builder.strings.end_of_string(text, position_in) if position_in else len(text)
        else:
            end = self.builder.strings.end_of_string(text, position)
        return min(end, position + _STEP)

    def _push(self, text: str, position: int, end: int, base: int, events: list[Event]) -> Step:
        before = len(self.builder.source)
        self.builder.push(text[position:end])
        return self.settle(text, position, end, before, base, events)

    def settle(self, text: str, position: int, end: int, before: int, base: int, events: list[Event]) -> Step:
        """What came of pushing `text` from `position` to `end` when the source had `before` bytes."""
        builder = self.builder
        if builder.fault is not None:
            return self._refuse(text, position, end, before, base, events)
        if not builder.done:
            if self._recent:
                self._remember(text[position:end])
            return end, None
        end -= builder.surplus
        if self._recent:
            self._remember(text[position:end])
        self._validate(base + end - 1, events)
        return end, _BLOCK_END

    def _typed(self, block_type: BlockType, events: list[Event]) -> Signal:
        events.append(BlockOpened(self.index, block_type))
        if block_type is not _TEXT:
            return Signal.TYPE_OTHER
        self._remember(self.builder.source[-4 * EXCERPT :].decode(errors="ignore"))
        if content := self.builder.members.get("content"):
            events.append(TextDelta(self.index, content))
        return Signal.TYPE_TEXT

    def _open_content(self, text: str, position: int, base: int, events: list[Event]) -> Step:
        self._decoder = StringDecoder()
        before = len(self.builder.source)
        self.builder.push('""')
        if self.builder.fault is not None:
            # Nothing of the string has been read: the fault is its opening quote, whichever of the two showed it.
            prefix = self.builder.source[:before].decode()
            located = replace(locate(self.limits, prefix, '""'), at=0, in_string=False)
            return self._report(located, prefix, text, position, base, events)
        self._remember('"')
        return position + 1, Signal.CONTENT

    def _validate(self, offset: int, events: list[Event]) -> None:
        builder = self.builder
        if builder.type is None:
            fault = Fault(RejectReason.MISSING_TYPE, "The block has no type.")
        elif builder.type is _TEXT:
            if "content" in builder.members:
                return
            fault = Fault(RejectReason.INVALID_FIELD, "content: a text block has one.")
        else:
            model = _MODELS[builder.type]
            if builder.members.get("from") is not None:
                model = _BOUND.get(builder.type, model)
            try:
                block = model.model_validate(builder.members)
            except ValidationError as error:
                first = error.errors(include_url=False, include_context=False, include_input=False)[0]
                place = ".".join(str(part) for part in first["loc"][:4]) or "block"
                fault = Fault(RejectReason.INVALID_FIELD, f"{place}: {first['msg']}")
            else:
                events.append(BlockReady(self.index, block))
                return
        events.append(self._rejected(fault, offset, self._tail()))

    def _refuse(self, text: str, position: int, end: int, before: int, base: int, events: list[Event]) -> Step:
        """Report the fault that the last push found, at the character where it is however the text was cut."""
        prefix = self.builder.source[:before].decode()
        return self._report(locate(self.limits, prefix, text[position:end]), prefix, text, position, base, events)

    def _report(self, located: Located, prefix: str, text: str, position: int, base: int, events: list[Event]) -> Step:
        at = position + located.at
        source = ("".join(self._recent) or prefix) + text[position : at + 1]
        events.append(self._rejected(located.fault, base + at, source))
        broken = located.fault.reason is RejectReason.INVALID_JSON
        self._recovery = Recovery(located.brackets, source[:-1], inside=located.in_string, broken=broken)
        self._counted = located.duplicate_keys
        return at, Signal.BROKEN if broken else Signal.REFUSED

    def _rejected(self, fault: Fault, offset: int, source: str) -> BlockRejected:
        return BlockRejected(self.index, fault.reason, offset, source[-EXCERPT:], fault.detail)

    def _remember(self, text: str) -> None:
        if text:
            self._recent.append(text[-EXCERPT:])

    def _tail(self) -> str:
        return "".join(self._recent) or self.builder.source[-4 * EXCERPT :].decode(errors="ignore")


READERS: Mapping[State, Callable[[BlockReader, str, int, int, list[Event]], Step]] = {
    # (block, text, position, offset of the text's first character, where events go)
    State.HEAD: BlockReader._head,
    State.MEMBERS: BlockReader._members,
    State.TEXT: BlockReader._text,
    State.STRUCTURE: BlockReader._structure,
    State.SKIP: BlockReader._skip,
    State.RESYNC: BlockReader._skip,
    State.WRAPPER_END: BlockReader._skip,
}
