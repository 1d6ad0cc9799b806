"""The frame `stream_text` without a pydantic model: one is sent per token."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Final, final
from uuid import UUID

from msgspec import Struct

from streaming.wire.server import ServerFrame, WsStreamText

# The JSON between `seq` and the text, which is the same for all tokens of a block.
_MIDDLE: Final = ',"type":"stream_text","request_id":"{}","block":{},"chunk":'


@final
class StreamText(Struct, frozen=True, eq=False, gc=False):
    """The same frame as `WsStreamText`, cheaper to create and send. `middle`: see `_MIDDLE`; made when it is empty."""

    request_id: UUID
    block: int
    chunk: str
    middle: str = ""

    def __repr__(self) -> str:
        return f"<StreamText {self.request_id} block={self.block} of {len(self.chunk)} characters>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StreamText) and (
            (self.request_id, self.block, self.chunk) == (other.request_id, other.block, other.chunk)
        )

    __hash__ = None  # type: ignore[assignment]  # nothing uses it as a key

    def with_chunk(self, chunk: str) -> StreamText:
        """The same frame with another text."""
        return StreamText(self.request_id, self.block, chunk, self.middle)

    def to_json(self, seq: int) -> bytes:
        """The same JSON as `to_model(seq).model_dump_json()`, but an unpaired surrogate becomes `?`."""
        middle = self.middle or _MIDDLE.format(self.request_id, self.block)
        return f'{{"seq":{seq}{middle}{encode_basestring(self.chunk)}}}'.encode("utf-8", "replace")

    def to_model(self, seq: int = 0) -> WsStreamText:
        """The frame as a `WsStreamText`."""
        return WsStreamText(seq=seq, request_id=self.request_id, block=self.block, chunk=self.chunk)


AnswerFrame = ServerFrame | StreamText
"""A frame on its way to a device."""


class TextFrames:
    """Makes the `StreamText` frames of one request."""

    def __init__(self, request_id: UUID) -> None:
        self._request_id = request_id
        self._block = -1
        self._middle = ""

    def frame(self, block: int, chunk: str) -> StreamText:
        """A frame with the next `chunk` of text block `block`."""
        if block != self._block:
            self._block = block
            self._middle = _MIDDLE.format(self._request_id, block)
        return StreamText(self._request_id, block, chunk, self._middle)
