"""A home answer: what the model writes, as frames. Text at once, other blocks when whole and valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parser import BlockParser
from parser.blocks import Block, EntityRefBlock
from parser.events import BlockOpened, BlockReady, BlockRejected, Event, TextDelta
from streaming.frames import WsStreamBlock, WsStreamStart, WsStreamText

Resolve = Callable[[str, Sequence[str] | None], list[dict[str, Any]]]
"""The items of an entity that this request's tools returned: all of them, or those with these ids."""

UNRESOLVED = "unresolved"
_MAX_REJECTED = 100


@dataclass(frozen=True, slots=True)
class RejectedBlock:
    """A block that was skipped. `reason` is a `parser.events.RejectReason` value or `unresolved`; no content."""

    index: int
    reason: str


class HomeFormatter:
    """Turns the text of one answer into its frames. Invalid blocks are skipped and noted; nothing here raises for them.

    Frames are complete but for `seq`, which the socket's writer stamps.
    """

    def __init__(self, request_id: UUID, resolve: Resolve) -> None:
        self._request_id = request_id
        self._resolve = resolve
        self._parser = BlockParser()
        self.rejected: list[RejectedBlock] = []
        """The first hundred blocks that were skipped."""
        self.rejected_count = 0

    def start(self, agent_name: str) -> list[WsStreamStart]:
        """The first frame of the answer."""
        return [WsStreamStart(request_id=self._request_id, agent=agent_name)]

    def feed(self, token: str) -> list[WsStreamText | WsStreamBlock]:
        """The frames that `token` gives; adjacent text of one block in one frame."""
        return self._frames(self._parser.feed(token))

    def close(self) -> list[WsStreamText | WsStreamBlock]:
        """The answer ended, or was cut: the last frames."""
        return self._frames(self._parser.close())

    def _frames(self, events: Sequence[Event]) -> list[WsStreamText | WsStreamBlock]:
        frames: list[WsStreamText | WsStreamBlock] = []
        for event in events:
            match event:
                case TextDelta(index, text):
                    self._append_text(frames, index, text)
                case BlockReady(index, block) if (data := self._data(block)) is not None:
                    frames.append(
                        WsStreamBlock(request_id=self._request_id, block=index, block_type=block.type.value, data=data)
                    )
                case BlockReady(index):
                    self._reject(index, UNRESOLVED)
                case BlockRejected(index=index, reason=reason):
                    self._reject(index, reason.value)
                case BlockOpened():
                    pass
        return frames

    def _append_text(self, frames: list[WsStreamText | WsStreamBlock], block: int, text: str) -> None:
        last = frames[-1] if frames else None
        if isinstance(last, WsStreamText) and last.block == block:
            frames[-1] = last.model_copy(update={"chunk": last.chunk + text})
        else:
            frames.append(WsStreamText(request_id=self._request_id, block=block, chunk=text))

    def _data(self, block: Block) -> dict[str, Any] | None:
        """The `data` of a `stream_block` frame; None when a reference finds nothing."""
        if isinstance(block, EntityRefBlock):
            items = self._resolve(block.entity.value, block.ids)
            return {"entity": block.entity.value, "items": items} if items else None
        return block.model_dump(mode="json", exclude={"type"})

    def _reject(self, index: int, reason: str) -> None:
        self.rejected_count += 1
        # Bounded: a model can write invalid blocks for as long as it likes.
        if len(self.rejected) < _MAX_REJECTED:
            self.rejected.append(RejectedBlock(index, reason))
