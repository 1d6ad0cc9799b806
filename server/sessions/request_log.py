"""The log of one request: its frames in order, the text of each block as one entry that grows. Pure.

A frame is added here before any socket gets it, so that a lost socket loses nothing. A `Feed` sends from the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal
from uuid import UUID

from server.requests import RequestFailed
from streaming.wire import (
    AnswerFrame,
    ErrorCode,
    StreamText,
    WsBlockOpen,
    WsFailure,
    WsPopupDomain,
    WsRequestResult,
    WsResultBlock,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolEvent,
    well_formed,
)

LogFrame = WsStreamStart | WsPopupDomain | WsBlockOpen | WsToolEvent | WsStreamBlock | WsStreamEnd
"""The frames that are separate entries."""

_COMPACT_AT: Final = 1024
_LOOKED_BACK: Final = 64


class TextEntry:
    """A text block, or the next part of one whose text was continued after another block: `before` is the part before.

    `template` makes its frames. `length` is in characters, without `before`.
    """

    __slots__ = ("before", "block", "length", "pieces", "template")

    def __init__(self, first: StreamText, before: TextEntry | None) -> None:
        self.template = first
        self.block = first.block
        self.before = before
        self.length = len(first.chunk)
        self.pieces = [first.chunk]

    def __repr__(self) -> str:
        return f"<TextEntry block={self.block} of {self.length} characters>"

    def compact(self) -> None:
        """Join the pieces."""
        self.pieces = ["".join(self.pieces)]

    def piece(self, start: int, limit: int) -> str:
        """At most `limit` characters from `start`. The text is not joined: it may be large, and grow meanwhile."""
        rest = self.length - start
        if rest <= limit:
            taken: list[str] = []
            for piece in reversed(self.pieces[-_LOOKED_BACK:]):
                taken.append(piece)
                rest -= len(piece)
                if rest <= 0:
                    text = "".join(reversed(taken))
                    return text[-rest:] if rest else text
        found: list[str] = []
        at, until = 0, start + limit
        for piece in self.pieces:
            if at + len(piece) > start:
                found.append(piece[max(start - at, 0) : until - at])
            at += len(piece)
            if at >= until:
                break
        return "".join(found)

    def whole(self) -> str:
        """The text of the block from its beginning."""
        text = "".join(self.pieces)
        return text if self.before is None else self.before.whole() + text

    def cut(self, length: int) -> None:
        """Keep the first `length` characters."""
        self.pieces = ["".join(self.pieces)[:length]]
        self.length = length


Entry = TextEntry | LogFrame


class RequestLog:
    """The entries of one request. `max_bytes` bounds their size; the end is accepted over the bound."""

    __slots__ = ("_last_text", "_max_bytes", "_texts", "end", "entries", "request_id", "size", "sizes")

    def __init__(self, request_id: UUID, max_bytes: int) -> None:
        self.request_id = request_id
        self.entries: list[Entry] = []
        self.sizes: list[int] = []
        """The approximate size of each entry as JSON, in bytes; 0 for text, which grows."""
        self.size = 0
        """The approximate size of the entries as JSON, in bytes."""
        self.end: WsStreamEnd | None = None
        self._max_bytes = max_bytes
        self._last_text: TextEntry | None = None
        self._texts: dict[int, TextEntry] = {}

    def __repr__(self) -> str:
        return f"<RequestLog {self.request_id}: {len(self.entries)} entries, {self.size} bytes>"

    def append(self, frame: AnswerFrame) -> int:
        """Add a frame. Returns its approximate size in bytes. Raises `RequestFailed` if the log is full."""
        if isinstance(frame, StreamText):
            chunk = frame.chunk
            size = len(chunk) if chunk.isascii() else len(chunk.encode("utf-8", "replace"))
            if (total := self.size + size) > self._max_bytes:
                self._overflow()
            self.size = total
            last = self._last_text
            if last is not None and last.block == frame.block:
                last.pieces.append(chunk)
                last.length += len(chunk)
                if len(last.pieces) >= _COMPACT_AT:
                    last.compact()
            else:
                self._last_text = entry = TextEntry(frame, self._texts.get(frame.block))
                self._texts[frame.block] = entry
                self.entries.append(entry)
                self.sizes.append(0)
            return size
        assert isinstance(frame, LogFrame)  # noqa: S101 - an answer has no other frames
        size = len(frame.model_dump_json())
        if isinstance(frame, WsStreamEnd):
            self.end = frame
        elif self.size + size > self._max_bytes:
            self._overflow()
        self.size += size
        self._last_text = None
        self.entries.append(frame)
        self.sizes.append(size)
        return size

    def _overflow(self) -> None:
        message = f"The answer is larger than the {self._max_bytes} bytes that the server keeps for one request."
        raise RequestFailed(WsFailure(code=ErrorCode.LOG_OVERFLOW, message=message, retryable=False))

    def cut(self, entries: int, length: int) -> None:
        """Keep the first `entries` entries only and, if the next one is text, its first `length` characters."""
        kept = self.entries[entries] if entries < len(self.entries) else None
        if isinstance(kept, TextEntry) and length:
            kept.cut(length)
            entries += 1
        del self.entries[entries:], self.sizes[entries:]
        self._last_text = None

    def result(self, end: WsStreamEnd | None = None) -> WsRequestResult:
        """The state of the request: the answer so far, or the whole one with its outcome. `end` need not be logged."""
        agent = domain = None
        blocks: dict[int, WsResultBlock] = {}
        for entry in self.entries:
            match entry:
                case TextEntry():
                    block = entry.block
                    blocks[block] = WsResultBlock(block=block, block_type="text", content=well_formed(entry.whole()))
                case WsStreamBlock(block=block):
                    blocks[block] = WsResultBlock(block=block, block_type=entry.block_type, data=entry.data)
                case WsStreamStart():
                    agent = entry.agent
                case WsPopupDomain():
                    domain = entry.domain
                case WsBlockOpen() | WsToolEvent() | WsStreamEnd():
                    pass
        end = end or self.end
        status: Literal["running", "completed", "failed", "cancelled"] = "running" if end is None else end.status
        return WsRequestResult(
            request_id=self.request_id,
            status=status,
            finish=None if end is None else end.finish,
            shown=None if end is None else end.shown,
            agent=agent,
            domain=domain,
            blocks=[blocks[block] for block in sorted(blocks)],
            mutations=[] if end is None else end.mutations,
            memory_used=None if end is None else end.memory_used,
            usage=None if end is None else end.usage,
            locale=None if end is None else end.locale,
            error=None if end is None else end.error,
            not_stored=None if end is None else end.not_stored,
        )

    def frames(self) -> Iterator[WsStreamText | LogFrame]:
        """The whole log as frames, with the text of each entry as one frame."""
        for entry in self.entries:
            if isinstance(entry, TextEntry):
                yield entry.template.with_chunk(entry.piece(0, entry.length)).to_model()
            else:
                yield entry
