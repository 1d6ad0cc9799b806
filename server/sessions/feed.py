"""The position of one session in a request's log: which frames it has been sent, and with which `seq`. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from server.sessions.request_log import RequestLog, TextEntry
from streaming.wire import AnswerFrame, WsBlockOpen, WsStreamText, WsToolEvent, well_formed

_MAX_CHUNK: Final = 16 * 1024
"""Characters of one `stream_text`. A slow reader then makes visible progress, and a short frame is lost with a cut."""


class Feed:
    """Sends one request's log in order to one session.

    The first `at` entries were sent. If the next one is text, `sent` of its characters were sent. `seqs` holds, for
    each entry, the `seq` of the last frame that carried a part of it; the list is sorted, because entries are sent in
    order. `block_open`, `tool_events`: the session's client wants frames of that type.
    """

    __slots__ = (
        "_replay_before",
        "at",
        "block_open",
        "log",
        "queued",
        "sent",
        "seqs",
        "taken",
        "tool_events",
        "waiting",
    )

    def __init__(self, log: RequestLog, *, block_open: bool, tool_events: bool = False) -> None:
        self.log = log
        self.block_open = block_open
        self.tool_events = tool_events
        self.at = 0
        self.sent = 0
        self.seqs: list[int] = []
        self.queued = False
        """Whether the outbox has this feed in its queue."""
        self.waiting = 0
        """The approximate number of bytes that are not sent yet."""
        self.taken = 0
        """The approximate number of bytes of the last `next`."""
        # Text entries before this index may be on the client's screen: their first frame replaces the block's text.
        self._replay_before = len(log.entries)

    def __repr__(self) -> str:
        return f"<Feed of {self.log.request_id}: {self.at} of {len(self.log.entries)} entries sent>"

    @property
    def pending(self) -> bool:
        """Whether the log has something that is not sent."""
        entries = self.log.entries
        if self.at >= len(entries):
            return False
        entry = entries[self.at]
        return not isinstance(entry, TextEntry) or self.sent < entry.length or self.at + 1 < len(entries)

    def text_sent(self, length: int, seq: int) -> None:
        """The newest text, of `length` characters, was sent with `seq`; everything before it had been sent."""
        seqs, at = self.seqs, self.at
        count = len(self.log.entries)
        if count == at + 1 == len(seqs):  # as in `_mark`: this runs per token
            self.sent += length
            seqs[at] = seq
            return
        if count != at + 1:
            self.at = count - 1
            self.sent = 0
        self.sent += length
        self._mark(seq)

    def next(self, seq: int) -> AnswerFrame | None:
        """The next frame, which counts as sent with `seq`. None if everything was sent."""
        entries = self.log.entries
        self.taken = 0
        while self.at < len(entries):
            entry = entries[self.at]
            if not isinstance(entry, TextEntry):
                self.taken += self.log.sizes[self.at]
                if (isinstance(entry, WsBlockOpen) and not self.block_open) or (
                    isinstance(entry, WsToolEvent) and not self.tool_events
                ):
                    self._mark(self.seqs[-1] if self.seqs else 0)
                    self.at += 1
                    continue
                self._mark(seq)
                self.at += 1
                return entry
            if self.sent < entry.length:
                chunk = entry.piece(self.sent, _MAX_CHUNK)
                replayed = self.sent == 0 and self.at < self._replay_before
                self.sent += len(chunk)
                self.taken += len(chunk) if chunk.isascii() else len(chunk.encode("utf-8", "replace"))
                self._mark(seq)
                if not replayed:
                    return entry.template.with_chunk(chunk)
                if entry.before is not None:
                    chunk = entry.before.whole() + chunk
                return WsStreamText(
                    request_id=self.log.request_id, block=entry.block, chunk=well_formed(chunk), replace=True
                )
            if self.at + 1 == len(entries):
                return None
            self.at += 1
            self.sent = 0
        return None

    def processed(self, seq: int) -> bool:
        """Whether a client that has processed frame `seq` has processed everything that was sent."""
        return not self.seqs or self.seqs[-1] <= seq

    def rewind(self, seq: int) -> None:
        """Go back to the first entry that a frame after `seq` carried: the client has not processed that frame."""
        unprocessed = bisect_right(self.seqs, seq)
        if unprocessed < len(self.seqs):
            self.at = unprocessed
            self.sent = 0
            del self.seqs[unprocessed:]
            self._replay_before = len(self.log.entries)

    def unsent_bytes(self) -> int:
        """The approximate size of the unsent entries: that of the whole log if nothing was sent."""
        if not self.pending:
            return 0
        if self.at == 0 and self.sent == 0:
            return self.log.size
        entries, sizes = self.log.entries, self.log.sizes
        rest = zip(entries[self.at :], sizes[self.at :], strict=True)
        size = sum(entry.length if isinstance(entry, TextEntry) else size for entry, size in rest)
        return max(size - self.sent, 1)

    def _mark(self, seq: int) -> None:
        seqs = self.seqs
        if len(seqs) == self.at + 1:
            seqs[-1] = seq
            return
        # Entries without any text were passed over: they count as sent with the frame before them.
        while len(seqs) < self.at:
            seqs.append(seqs[-1] if seqs else 0)
        seqs.append(seq)
