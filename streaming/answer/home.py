"""A home answer: turns the model's text into frames. Text is sent immediately, other blocks when complete and valid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from uuid import UUID

from parser import BlockParser, Repair, TitledTable, Unshown, degraded
from parser.blocks import BindReason, Block
from parser.events import BlockOpened, BlockReady, BlockRejected, Event, TextDelta
from person import ENGLISH, Sentences
from streaming.answer.block_data import (
    Bind,
    FetchableBlock,
    IsUnfetched,
    Resolve,
    Unbound,
    UnfetchedBlock,
    UnshownBlocks,
    block_data,
)
from streaming.answer.end_tokens import EndTokens
from streaming.answer.shown_blocks import ShownBlocks
from streaming.wire import StreamText, TextFrames, WsBlockOpen, WsStreamBlock, WsStreamStart

Admit = Callable[[Block], Block | Unbound]
"""The block in the form to show, or the reason why it is not: its data comes from nowhere."""

HomeFrame = WsBlockOpen | StreamText | WsStreamBlock
HomePart = HomeFrame | UnfetchedBlock

UNGROUNDED = "ungrounded"
_MAX_REJECTED = 100


@dataclass(frozen=True, slots=True)
class RejectedBlock:
    """A structured block that is not shown as the model wrote it. Text blocks are always shown.

    `reason` is a `RejectReason` or `BindReason` value, `unresolved` or `ungrounded`. `block_type` is None if the block
    did not name a known type. `excerpt` is the end of the block's source up to the fault, at most 80 characters.
    `detail` and `excerpt` are for the model that wrote the block, and `source` is the block as it wrote it; none may be
    logged.
    """

    index: int
    reason: str
    block_type: str | None = None
    detail: str = ""
    excerpt: str = ""
    source: str = field(default="", repr=False)


class HomeFormatter:
    """Turns the text of one answer into its frames. Invalid blocks are recorded; they raise no exception.

    Frames are complete except for `seq`, which the socket's writer sets. With `announce_opened` there are also
    `block_open` frames. Without `is_unfetched` no block is fetched for, without `admit` every block is admitted.
    """

    def __init__(
        self,
        request_id: UUID,
        resolve: Resolve,
        bind: Bind,
        *,
        is_unfetched: IsUnfetched | None = None,
        admit: Admit | None = None,
        announce_opened: bool = False,
        sentences: Callable[[], Sentences] = lambda: ENGLISH,
    ) -> None:
        """`sentences` is asked when a sentence is written, because the person's language may be known late."""
        self._request_id = request_id
        self._texts = TextFrames(request_id)
        self._resolve = resolve
        self._bind = bind
        self._is_unfetched = is_unfetched
        self._admit = admit
        self._announce_opened = announce_opened
        self._sentences = sentences
        self._parser = BlockParser()
        self._end_tokens = EndTokens()
        self._first = 0  # the index of the parser's first block in this answer
        self._next = 0  # the index of the next block that opens
        self._blocks = ShownBlocks()
        self._open: tuple[int, str] | None = None  # the newest block's index and type
        self.rejected: list[RejectedBlock] = []
        """The first hundred blocks that were rejected."""
        self.repairs: Counter[Repair] = Counter()
        """How many blocks were shown after a repair, by kind of repair."""
        self._unrecorded = 0  # rejected blocks beyond the first hundred
        self._settled = 0  # how many of the rejected blocks `degrade` has seen
        self._replacements: list[TitledTable | str] = []
        self._unshown: list[tuple[int, Unshown]] = []
        self._said: set[int] = set()  # blocks in whose place only a sentence says that they cannot be shown

    def start(self, agent_name: str) -> list[WsStreamStart]:
        """The first frame of the answer."""
        return [WsStreamStart(request_id=self._request_id, agent=agent_name)]

    @property
    def shown(self) -> int:
        """The number of blocks that have text or data, so far."""
        return len(self._blocks)

    @property
    def answered(self) -> int:
        """As `shown`, without the sentences of `say_unshown`."""
        return len(self._blocks) - sum(index in self._blocks for index in self._said)

    def feed(self, token: str) -> list[HomePart]:
        """The frames that `token` gives; adjacent text of one block in one frame."""
        # Most tokens are a piece of text and nothing else.
        if self._end_tokens.held or "<" in token or "[" in token:
            token = self._end_tokens.feed(token)
        events = self._parser.feed(token)
        if len(events) == 1 and isinstance(event := events[0], TextDelta):
            index, text = event.index + self._first, event.text
            if index not in self._blocks.with_data and not (text := self._blocks.add_text(index, text)):
                return []
            return [self._texts.frame(index, text)]
        return self._frames(events)

    def close(self) -> list[HomePart]:
        """The last frames, after the answer ended or broke off. `feed` then begins another part of the answer."""
        parts = self._frames([*self._parser.feed(self._end_tokens.close()), *self._parser.close()])
        parts += self._ended_texts()
        self._parser = BlockParser()
        self._first = self._next
        return parts

    def append(self, text: str) -> list[HomePart]:
        """The frames of a text block that the server adds after `close`."""
        index = self._next
        self._next = self._first = index + 1
        frames: list[HomePart] = []
        if self._announce_opened:
            frames.append(WsBlockOpen(request_id=self._request_id, block=index, block_type="text"))
        return [*frames, self._text_frame(index, text)]

    def complete(self, unfetched: UnfetchedBlock, problem: str | None) -> list[HomeFrame]:
        """The frames of a block whose items were fetched, or whose items cannot be fetched.

        `problem` is a sentence for the person, which is shown in the block's place; None means that the items are
        there.
        """
        index, block = unfetched.index, unfetched.block
        if problem is not None:
            return [self._text_frame(index, problem)]
        data = self._data(block)
        if isinstance(data, dict):
            return [self._block_frame(index, block, data)]
        if not unfetched.replaces:
            self._reject(_unbound(index, block, data))
        return []

    def repairable(self, most: int) -> list[RejectedBlock]:
        """At most `most` rejected blocks that the model may write again.

        Blocks whose data the model has not fetched are left out.
        """
        return [block for block in self.rejected if block.reason != BindReason.NOT_FETCHED][:most]

    def replace(self, rejected: Sequence[RejectedBlock], reply: str) -> list[WsStreamBlock | UnfetchedBlock]:
        """The frames of the blocks in `reply`, with which a model replaces `rejected`.

        Each structured block replaces the first remaining rejected block of its type and gets its index. Text blocks,
        text outside blocks, and blocks that are invalid again are dropped.
        """
        parser = BlockParser()
        pending = list(rejected)
        types: dict[int, str] = {}
        frames: list[WsStreamBlock | UnfetchedBlock] = []
        for event in [*parser.feed(reply), *parser.close()]:
            match event:
                case BlockOpened(index, type_):
                    types[index] = type_.value
                case BlockRejected(index):
                    _take(pending, types.get(index))
                case BlockReady(index, block) if (replaced := _take(pending, block.type.value)) is not None:
                    admitted = self._admitted(block)
                    if isinstance(admitted, Unbound):
                        continue
                    block = admitted
                    if self._must_fetch(block):
                        frames.append(UnfetchedBlock(replaced.index, block, replaces=True))
                        continue
                    data = self._data(block)
                    if isinstance(data, dict):
                        frames.append(self._block_frame(replaced.index, block, data))
        return frames

    def degrade(self, replaced: Collection[int] = ()) -> list[StreamText | WsStreamBlock]:
        """What is shown instead of each rejected block; see `parser.degradation`. Equal replacements are shown once.

        Blocks that are shown by now are left out, and those whose index is in `replaced`. A block of which nothing is
        readable is left for `take_unshown`. Call it after each part of the answer.
        """
        frames: list[StreamText | WsStreamBlock] = []
        rejected, self._settled = self.rejected[self._settled :], len(self.rejected)
        for block in rejected:
            if block.index in replaced or block.index in self._blocks:
                continue
            replacement = self._degraded(block)
            if isinstance(replacement, Unshown):
                self._unshown.append((block.index, replacement))
            elif replacement not in self._replacements:  # a model that repeats itself
                self._replacements.append(replacement)
                if isinstance(replacement, str):
                    frames.append(self._text_frame(block.index, replacement))
                else:
                    data = replacement.model_dump(mode="json", exclude={"type"}, exclude_defaults=True)
                    frames.append(self._block_frame(block.index, replacement, data))
        return frames

    def take_unshown(self) -> dict[int, UnshownBlocks]:
        """The blocks since the last call that cannot be shown, equal ones together, by the index of the first one.

        Call it after `degrade`.
        """
        counts = Counter(block for _, block in self._unshown)
        first = {block: index for index, block in reversed(self._unshown)}
        taken = {index: UnshownBlocks(block, counts[block]) for block, index in first.items()}
        self._unshown.clear()
        if self._unrecorded:
            taken[self._next] = UnshownBlocks(Unshown("more"), self._unrecorded)
            self._next = self._first = self._next + 1
            self._unrecorded = 0
        return dict(sorted(taken.items()))

    def say_unshown(self, unshown: Mapping[int, UnshownBlocks]) -> list[StreamText]:
        """A sentence for each of the blocks that `take_unshown` gave. It counts as shown, but not as answered."""
        self._said.update(unshown)
        sentences = self._sentences()
        return [self._text_frame(index, blocks.sentence(sentences)) for index, blocks in unshown.items()]

    def _degraded(self, block: RejectedBlock) -> TitledTable | str | Unshown:
        return degraded(block.block_type, block.source, self._sentences().say("answer.rest_unshown"))

    def _frames(self, events: Sequence[Event]) -> list[HomePart]:
        frames: list[HomePart] = []
        for event in events:
            index = event.index + self._first
            self._next = max(self._next, index + 1)
            match event:
                case TextDelta(text=text):
                    if text := self._blocks.add_text(index, text):
                        self._append_text(frames, index, text)
                case BlockReady(block=block, repairs=repairs):
                    self.repairs.update(repairs)
                    admitted = self._admitted(block)
                    if isinstance(admitted, Unbound):
                        self._reject(_ungrounded(index, block, admitted))
                        continue
                    block = admitted
                    if self._must_fetch(block):
                        frames.append(UnfetchedBlock(index, block))
                        continue
                    data = self._data(block)
                    if isinstance(data, dict):
                        frames.append(self._block_frame(index, block, data))
                    else:
                        self._reject(_unbound(index, block, data))
                case BlockRejected(reason=reason, detail=detail, excerpt=excerpt, source=source):
                    kind = self._open[1] if self._open is not None and self._open[0] == index else None
                    self._reject(RejectedBlock(index, reason.value, kind, detail, excerpt, source))
                case BlockOpened(type=type_):
                    frames += self._ended_texts()
                    self._open = (index, type_.value)
                    if self._announce_opened:
                        frames.append(WsBlockOpen(request_id=self._request_id, block=index, block_type=type_.value))
        return frames

    def _ended_texts(self) -> list[HomeFrame]:
        """The frames of texts that are over and were held because they showed nothing at first."""
        return [self._texts.frame(index, text) for index, text in self._blocks.settle().items()]

    def _append_text(self, frames: list[HomePart], block: int, text: str) -> None:
        last = frames[-1] if frames else None
        if isinstance(last, StreamText) and last.block == block:
            frames[-1] = last.with_chunk(last.chunk + text)
        else:
            frames.append(self._texts.frame(block, text))

    def _text_frame(self, index: int, text: str) -> StreamText:
        self._blocks.add_text(index, text)
        return self._texts.frame(index, text)

    def _block_frame(self, index: int, block: Block, data: dict[str, Any]) -> WsStreamBlock:
        self._blocks.add(index, block.type.value, data)
        return WsStreamBlock(request_id=self._request_id, block=index, block_type=block.type.value, data=data)

    def _admitted(self, block: Block) -> Block | Unbound:
        return block if self._admit is None else self._admit(block)

    def _must_fetch(self, block: Block) -> TypeGuard[FetchableBlock]:
        return isinstance(block, FetchableBlock) and self._is_unfetched is not None and self._is_unfetched(block)

    def _data(self, block: Block) -> dict[str, Any] | Unbound:
        return block_data(block, self._resolve, self._bind)

    def _reject(self, block: RejectedBlock) -> None:
        # Bounded, because a model can write any number of invalid blocks.
        if len(self.rejected) < _MAX_REJECTED:
            self.rejected.append(block)
        else:
            self._unrecorded += 1


def _unbound(index: int, block: Block, why: Unbound) -> RejectedBlock:
    source = block.model_dump_json(by_alias=True)
    return RejectedBlock(index, why.reason, block.type.value, why.detail, source=source)


def _ungrounded(index: int, block: Block, why: Unbound) -> RejectedBlock:
    """Without the source: nothing of the block may be shown, not even as a list."""
    return RejectedBlock(index, why.reason, block.type.value, why.detail)


def _take(pending: list[RejectedBlock], block_type: str | None) -> RejectedBlock | None:
    """Remove and return the first pending block of this type, or without a type. None if there is none."""
    for block in pending:
        if block.block_type is None or block.block_type == block_type:
            pending.remove(block)
            return block
    return None
