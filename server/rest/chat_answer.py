"""A chat answer as one JSON body, collected from the frames of a stream."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from streaming.wire import (
    AnswerFinish,
    Domain,
    Optional,
    ServerFrame,
    WsAnswerLocale,
    WsFailure,
    WsMemoryUsed,
    WsMutationRecord,
    WsPopupDomain,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsUsage,
)


class TextAnswerBlock(BaseModel):
    """All chunks of one text block, joined."""

    block: int
    type: Literal["text"] = "text"
    content: str


class DataAnswerBlock(BaseModel):
    """A block that arrived in one frame; the fields of its data are next to `block` and `type`."""

    model_config = ConfigDict(extra="allow")

    block: int
    type: Literal["chart", "table", "timeline", "entity_ref"]


AnswerBlock = TextAnswerBlock | DataAnswerBlock


class ChatAnswer(BaseModel):
    """A completed answer. Mode home sets `agent`, mode popup sets `domain`; `blocks` are in index order."""

    request_id: UUID
    agent: Optional[str]
    domain: Optional[Domain]
    status: Literal["completed"] = "completed"
    blocks: list[AnswerBlock]
    mutations: list[WsMutationRecord]
    finish: Optional[AnswerFinish] = None
    shown: Optional[int] = None
    memory_used: Optional[list[WsMemoryUsed]] = None
    usage: Optional[WsUsage]
    locale: Optional[WsAnswerLocale] = None
    not_stored: Optional[WsFailure] = None


class AnswerCollector:
    """Collects a request's frames, given in order, into its `ChatAnswer`. Ignores frames of other types."""

    def __init__(self) -> None:
        self._agent: str | None = None
        self._domain: Domain | None = None
        self._chunks: dict[int, list[str]] = {}
        self._whole: dict[int, DataAnswerBlock] = {}

    def add(self, frame: ServerFrame) -> None:
        match frame:
            case WsStreamText():
                self._chunks.setdefault(frame.block, []).append(frame.chunk)
            case WsStreamBlock():
                data: dict[str, Any] = {**frame.data, "block": frame.block, "type": frame.block_type}
                self._whole[frame.block] = DataAnswerBlock.model_validate(data)
            case WsStreamStart():
                self._agent = frame.agent
            case WsPopupDomain():
                self._domain = frame.domain
            case _:
                pass

    @property
    def blocks(self) -> list[AnswerBlock]:
        """The blocks so far, in index order."""
        texts = {index: TextAnswerBlock(block=index, content="".join(chunks)) for index, chunks in self._chunks.items()}
        blocks = self._whole | texts
        return [blocks[index] for index in sorted(blocks)]

    def answer(self, end: WsStreamEnd) -> ChatAnswer:
        """The whole answer; `end` must have the status completed."""
        return ChatAnswer(
            request_id=end.request_id,
            agent=self._agent,
            domain=self._domain,
            blocks=self.blocks,
            mutations=end.mutations,
            finish=end.finish,
            shown=end.shown,
            memory_used=end.memory_used,
            usage=end.usage,
            locale=end.locale,
            not_stored=end.not_stored,
        )
