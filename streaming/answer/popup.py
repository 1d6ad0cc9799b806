"""A popup answer: text only. The domain follows from the agent's name, without a model call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from parser import BlockParser, Unshown, data_text, degraded_text
from parser.blocks import Block
from parser.events import BlockOpened, BlockReady, BlockRejected, Event, TextDelta
from person import ENGLISH, Calendar, Sentences
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
from streaming.answer.readable_json import ReadableJson
from streaming.answer.shown_blocks import ShownBlocks
from streaming.wire import Domain, StreamText, TextFrames, WsPopupDomain

DOMAINS: Mapping[str, Domain] = MappingProxyType(
    {
        "task_agent": "tasks",
        "checkpoint_agent": "checkpoints",
        "note_agent": "notes",
        "project_agent": "projects",
    }
)
"""The domain of each agent's popup."""


class NoPopupDomainError(LookupError):
    """This agent has no popup domain, so it cannot answer a popup."""

    def __init__(self, agent_name: str) -> None:
        super().__init__(f"agent {agent_name!r} has no popup domain; the agents that have are {', '.join(DOMAINS)}")


class PopupFormatter:
    """Turns the text of one answer into its frames, all of them text.

    A block becomes a list of its data, by the rules of `parser.degradation`. An object or an array that is a text of
    its own becomes lines; in prose and in code it stays as the model wrote it.
    """

    def __init__(
        self,
        request_id: UUID,
        resolve: Resolve,
        bind: Bind,
        *,
        is_unfetched: IsUnfetched | None = None,
        calendar: Callable[[], Calendar] | None = None,
        sentences: Callable[[], Sentences] = lambda: ENGLISH,
    ) -> None:
        """With `is_unfetched`, a block whose items must be fetched is returned as an `UnfetchedBlock`.

        `sentences` and `calendar` are asked when they are needed, because the person's locale may be known late.

        Without a calendar, the times of a timeline are epoch milliseconds.
        """
        self._request_id = request_id
        self._text_frames = TextFrames(request_id)
        self._resolve = resolve
        self._bind = bind
        self._is_unfetched = is_unfetched
        self._calendar = calendar
        self._sentences = sentences
        self._parser = BlockParser()
        self._end_tokens = EndTokens()
        self._json: dict[int, ReadableJson] = {}
        self._kinds: dict[int, str] = {}  # the type of the block that is open
        self._first = 0  # the index of the parser's first block in this answer
        self._next = 0
        self._blocks = ShownBlocks()
        self._unshown: dict[int, UnshownBlocks] = {}  # their sentences wait until something else is shown
        self._said: set[int] = set()  # blocks in whose place only a sentence says that they cannot be shown

    def start(self, agent_name: str) -> list[WsPopupDomain]:
        """The first frame of the answer. Raises `NoPopupDomainError`."""
        try:
            domain = DOMAINS[agent_name]
        except KeyError:
            raise NoPopupDomainError(agent_name) from None
        return [WsPopupDomain(request_id=self._request_id, domain=domain)]

    @property
    def shown(self) -> int:
        """The number of blocks that have text, so far."""
        return len(self._blocks)

    @property
    def answered(self) -> int:
        """As `shown`, without the sentences about blocks that cannot be shown."""
        return len(self._blocks) - sum(index in self._blocks for index in self._said)

    def take_unshown(self) -> dict[int, UnshownBlocks]:
        """The blocks that cannot be shown, by index, if nothing else was shown."""
        unshown, self._unshown = self._unshown, {}
        return unshown

    def say_unshown(self, unshown: Mapping[int, UnshownBlocks]) -> list[StreamText]:
        """A sentence for each of the blocks that `take_unshown` gave. It counts as shown, but not as answered."""
        self._said.update(unshown)
        sentences = self._sentences()
        return self._texts({index: blocks.sentence(sentences) for index, blocks in unshown.items()})

    def feed(self, token: str) -> list[StreamText | UnfetchedBlock]:
        """The frames that `token` gives; adjacent text of one block in one frame."""
        return self._frames(self._parser.feed(self._end_tokens.feed(token)))

    def complete(self, unfetched: UnfetchedBlock, problem: str | None) -> list[StreamText]:
        """The frames of a block whose items were fetched; `problem` says why they cannot be fetched."""
        texts: dict[int, str] = {}
        text = self._block_text(unfetched.block) if problem is None else problem
        return self._block_frames(texts, unfetched.index, text) + self._texts(texts)

    def close(self) -> list[StreamText | UnfetchedBlock]:
        """The last frames, after the answer ended or broke off. `feed` then begins another part of the answer."""
        frames = self._frames([*self._parser.feed(self._end_tokens.close()), *self._parser.close()])
        frames += self._close_texts()
        self._parser = BlockParser()
        self._kinds.clear()
        self._first = self._next
        return frames

    def append(self, text: str) -> list[StreamText]:
        """The frames of a text block that the server adds after `close`."""
        index = self._next
        self._next = self._first = index + 1
        return self._texts({index: text})

    def _frames(self, events: Sequence[Event]) -> list[StreamText | UnfetchedBlock]:
        frames: list[StreamText | UnfetchedBlock] = []
        texts: dict[int, str] = {}
        for event in events:
            index = event.index + self._first
            self._next = max(self._next, index + 1)
            match event:
                case TextDelta(text=text):
                    if (json := self._json.get(index)) is None:
                        frames += self._texts(texts) + self._close_texts()
                        texts.clear()
                        json = self._json[index] = ReadableJson()
                    texts[index] = texts.get(index, "") + json.feed(text)
                case BlockOpened(type=kind):
                    self._kinds = {index: kind.value}
                case BlockReady(block=block) if (
                    isinstance(block, FetchableBlock) and self._is_unfetched is not None and self._is_unfetched(block)
                ):
                    frames += self._texts(texts) + self._close_texts()
                    texts.clear()
                    frames.append(UnfetchedBlock(index, block))
                case BlockReady(block=block):
                    frames += self._block_frames(texts, index, self._block_text(block))
                case BlockRejected(source=source):
                    kind_name = self._kinds.get(index)
                    rest = self._sentences().say("answer.rest_unshown")
                    frames += self._block_frames(texts, index, degraded_text(kind_name, source, rest))
        return frames + self._texts(texts)

    def _block_frames(self, texts: dict[int, str], index: int, text: str | Unshown) -> list[StreamText]:
        """Add the text of a block to `texts`, or return frames. A sentence about an unshown block waits for text."""
        if isinstance(text, str):
            texts[index] = text
            return []
        frames = self._texts(texts) + self._close_texts()
        texts.clear()
        unshown = {index: UnshownBlocks(text)}
        if self.answered:
            return frames + self.say_unshown(unshown)
        self._unshown |= unshown
        return frames

    def _block_text(self, block: Block) -> str | Unshown:
        data = block_data(block, self._resolve, self._bind)
        if isinstance(data, Unbound):
            return Unshown(block.type.value, getattr(block, "title", ""))
        if isinstance(checkpoints := data.get("checkpoints"), list):
            data = {**data, "checkpoints": [{**item, "date": self._moment(item["date"])} for item in checkpoints]}
        return data_text(block.type.value, data)

    def _moment(self, date: object) -> object:
        """Epoch milliseconds as the person's local day, with the time unless it is midnight."""
        if not isinstance(date, int) or self._calendar is None:
            return date
        try:
            local = self._calendar().local(date)
        except (OverflowError, ValueError, OSError):
            return date
        return f"{local:%Y-%m-%d %H:%M}".removesuffix(" 00:00")

    def _close_texts(self) -> list[StreamText]:
        """The ends of the texts that are over."""
        frames = self._texts({index: json.close() for index, json in self._json.items()})
        self._json.clear()
        ends = [self._text_frames.frame(index, text) for index, text in self._blocks.settle().items()]
        return frames + self._after_unshown(ends)

    def _texts(self, texts: Mapping[int, str]) -> list[StreamText]:
        """The frames of these texts. A text of which nothing can be seen is held."""
        sent = {index: self._blocks.add_text(index, text) for index, text in texts.items()}
        return self._after_unshown([self._text_frames.frame(index, text) for index, text in sent.items() if text])

    def _after_unshown(self, frames: list[StreamText]) -> list[StreamText]:
        """The frames, and before the first of the answer the sentences about blocks that cannot be shown."""
        return (
            [*self.say_unshown(self.take_unshown()), *frames] if frames and self._unshown and self.answered else frames
        )
