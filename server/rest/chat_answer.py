"""A chat answer as one JSON body: the frames of a stream put together."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from streaming.wire import (
    Domain,
    Optional,
    ServerFrame,
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
    """A block that came whole; the fields of its data stand beside `block` and `type`."""

    model_config = ConfigDict(extra="allow")

    block: int
    type: Literal["chart", "table", "timeline", "entity_ref"]


class ChatAnswer(BaseModel):
    """A completed answer. `agent` with mode home, `domain` with popup; `blocks` in the order of their indexes."""

    request_id: UUID
    agent: Optional[str]
    domain: Optional[Domain]
    status: Literal["completed"] = "completed"
    blocks: list[TextAnswerBlock | DataAnswerBlock]
    mutations: list[WsMutationRecord]
    memory_used: Optional[list[WsMemoryUsed]] = None
    usage: Optional[WsUsage]


class AnswerCollector:
    """Takes a request's frames in order and makes its `ChatAnswer`. Frames of other kinds are passed over."""

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

    def answer(self, end: WsStreamEnd) -> ChatAnswer:
        """The whole answer, once `end` says that it is completed."""
        texts = {index: TextAnswerBlock(block=index, content="".join(chunks)) for index, chunks in self._chunks.items()}
        blocks = self._whole | texts
        return ChatAnswer(
            request_id=end.request_id,
            agent=self._agent,
            domain=self._domain,
            blocks=[blocks[index] for index in sorted(blocks)],
            mutations=end.mutations,
            memory_used=end.memory_used,
            usage=end.usage,
        )
