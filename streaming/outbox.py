"""The queue of frames for one device socket: bounded in bytes, control before data, waiting text merged.

Request tasks put frames; only the socket's writer task takes them. When the outbox is full, the request tasks wait and
stop reading from the model: this is the back-pressure. All operations are atomic with respect to cancellation: a
cancelled `put` has enqueued nothing, a cancelled `take` has taken nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import Protocol
from uuid import UUID

import trio

from streaming.wire import AnswerFrame, StreamText, WsBlockOpen, WsStreamBlock, WsStreamEnd

DataFrame = WsBlockOpen | StreamText | WsStreamBlock | WsStreamEnd
"""The frames of an answer, which wait in the data queue."""

# The JSON of a `stream_text` around its text: type, id, block, seq.
_ENVELOPE_BYTES = 160


class OutboxOverflow(Exception):
    """Too many control frames are queued: the peer reads too slowly or sends too many requests."""


@dataclass(slots=True, eq=False)
class _Entry:
    """An entry of the data queue. After text was merged into it, `merged` holds the whole text."""

    frame: DataFrame
    size: int
    merged: StringIO | None = None

    def merge(self, frame: StreamText, other: StreamText, size: int) -> None:
        if self.merged is None:
            self.merged = StringIO()
            self.merged.write(frame.chunk)
        self.merged.write(other.chunk)
        self.size += size

    def to_frame(self) -> DataFrame:
        if self.merged is None:
            return self.frame
        assert isinstance(self.frame, StreamText)  # noqa: S101 - nothing else is merged
        return self.frame.with_chunk(self.merged.getvalue())


@dataclass(slots=True, eq=False)
class _Putter:
    """A task that waits for room for `entry`."""

    task: trio.lowlevel.Task
    entry: _Entry
    refused: bool = False


class DirectSender(Protocol):
    """Sends text without the writer's task if nothing is queued; the server's `FrameWriter` implements it."""

    @property
    def unsent(self) -> bool:
        """Whether part of a frame must still be sent with `flush`."""
        ...

    def try_send(self, frame: StreamText) -> bool:
        """Send `frame`, or part of it, if that needs no waiting. Returns False if nothing was sent."""
        ...

    async def flush(self) -> None:
        """Send the rest of the frame."""
        ...


class Outbox:
    """Frames on their way to one device.

    While the reader waits and the outbox is empty, text is sent with `direct`, if there is one, and is not queued.
    `max_bytes` limits the data queue; a larger frame is accepted when the queue is empty. `max_control`
    limits the control queue, in frames.
    """

    def __init__(
        self, max_bytes: int = 256 * 1024, max_control: int = 1024, direct: DirectSender | None = None
    ) -> None:
        self._direct = direct
        self._max_bytes = max_bytes
        self._max_control = max_control
        # Lists instead of deques: an empty deque takes 760 bytes in every idle session, and these queues are short.
        self._control: list[AnswerFrame] = []
        self._data: list[_Entry] = []
        # For each request, its latest entry if that is queued text: the next piece may be merged into it.
        self._open_text: dict[UUID, _Entry] = {}
        self._putters: list[_Putter] = []
        self._bytes = 0
        self._closed = False
        self._reader: trio.lowlevel.Task | None = None
        self._full_since: float | None = None
        self._became_full: trio.Event | None = None

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return (
            f"<Outbox {state}: {self._bytes} bytes in {len(self._data)} frames, "
            f"{len(self._control)} control frames, {len(self._putters)} waiting>"
        )

    @property
    def queued_bytes(self) -> int:
        """The approximate size of the data queue, in bytes of JSON."""
        return self._bytes

    @property
    def full_since(self) -> float | None:
        """The time on trio's clock since which puts wait and the writer has taken nothing; None if no put waits."""
        return self._full_since

    async def put(self, frame: DataFrame) -> None:
        """Queue `frame` after all data, or merge it into queued text of its block.

        Waits while the data queue is full, first come, first served. Raises `trio.ClosedResourceError` if the outbox is
        closed, before or during the wait.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_open()
        # No checkpoint here: the request waits for its model between two tokens.
        if self._reader is not None and isinstance(frame, StreamText) and self._try_send(frame):
            return
        entry = _Entry(frame, _size(frame))
        if not self._putters and self._fits(entry):
            self._enqueue(entry)
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        putter = _Putter(trio.lowlevel.current_task(), entry)
        self._putters.append(putter)
        if self._full_since is None:
            self._full_since = trio.current_time()
            if self._became_full is not None:
                self._became_full.set()

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._putters.remove(putter)
            # A smaller frame that waited behind this one may fit.
            self._admit()
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if putter.refused:
            raise trio.ClosedResourceError("the outbox was closed")

    def put_control(self, frame: AnswerFrame) -> None:
        """Queue `frame` before all data. Never waits.

        Raises `OutboxOverflow` if `max_control` frames are queued, `trio.ClosedResourceError` if closed.
        """
        self._check_open()
        if len(self._control) >= self._max_control:
            raise OutboxOverflow
        self._control.append(frame)
        self._wake_reader()

    async def take(self) -> AnswerFrame:
        """The next frame to send; waits for one. For one task only.

        A call means that the frame taken before was sent, which counts as progress for `full_since`. Raises
        `trio.EndOfChannel` if the outbox is closed and empty.
        """
        if self._reader is not None:
            raise trio.BusyResourceError("an outbox has one reader")
        await trio.lowlevel.checkpoint_if_cancelled()
        self._note_progress()
        while True:
            if self._direct is not None and self._direct.unsent:
                await self._direct.flush()
                continue
            if self._control or self._data:
                break
            if self._closed:
                raise trio.EndOfChannel
            self._reader = trio.lowlevel.current_task()

            def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
                self._reader = None
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(abort)
        frame = self._control.pop(0) if self._control else self._dequeue()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return frame

    async def wait_stalled(self, seconds: float) -> None:
        """Wait until the outbox has been full for `seconds` and nothing was taken from it."""
        while True:
            if self._full_since is None:
                self._became_full = trio.Event()
                await self._became_full.wait()
            elif trio.current_time() >= (deadline := self._full_since + seconds):
                await trio.lowlevel.checkpoint()
                return
            else:
                await trio.sleep_until(deadline)

    def discard_request(self, request_id: UUID) -> None:
        """Drop the queued text and blocks of `request_id`; a queued `stream_end` stays."""
        kept: list[_Entry] = []
        for entry in self._data:
            if entry.frame.request_id == request_id and not isinstance(entry.frame, WsStreamEnd):
                self._bytes -= entry.size
            else:
                kept.append(entry)
        self._data = kept
        self._open_text.pop(request_id, None)
        self._admit()

    def close(self) -> None:
        """Accept no more frames. Queued frames can still be taken; tasks that wait in `put` get an error."""
        self._closed = True
        putters, self._putters = self._putters, []
        for putter in putters:
            putter.refused = True
            trio.lowlevel.reschedule(putter.task)
        self._full_since = None
        self._wake_reader()

    def _try_send(self, frame: StreamText) -> bool:
        """Send `frame` directly; the queues are empty while the reader waits."""
        if self._direct is None or not self._direct.try_send(frame):
            return False
        if self._direct.unsent:
            self._wake_reader()
        return True

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("the outbox is closed")

    def _fits(self, entry: _Entry) -> bool:
        return not self._data or self._bytes + entry.size <= self._max_bytes

    def _enqueue(self, entry: _Entry) -> None:
        frame = entry.frame
        if isinstance(frame, StreamText):
            last = self._open_text.get(frame.request_id)
            if last is not None and isinstance(last.frame, StreamText) and last.frame.block == frame.block:
                last.merge(last.frame, frame, entry.size)
                self._bytes += entry.size
                return
            self._open_text[frame.request_id] = entry
            entry.size += _ENVELOPE_BYTES
        else:
            self._open_text.pop(frame.request_id, None)
        self._bytes += entry.size
        self._data.append(entry)
        self._wake_reader()

    def _dequeue(self) -> AnswerFrame:
        entry = self._data.pop(0)
        self._bytes -= entry.size
        request_id = entry.frame.request_id
        if self._open_text.get(request_id) is entry:
            del self._open_text[request_id]
        self._admit()
        self._note_progress()
        return entry.to_frame()

    def _admit(self) -> None:
        """Queue the frames of waiting tasks, in order, as far as there is room."""
        while self._putters and self._fits(self._putters[0].entry):
            putter = self._putters.pop(0)
            self._enqueue(putter.entry)
            trio.lowlevel.reschedule(putter.task)
        if not self._putters:
            self._full_since = None

    def _note_progress(self) -> None:
        self._full_since = trio.current_time() if self._putters else None

    def _wake_reader(self) -> None:
        if self._reader is not None:
            task, self._reader = self._reader, None
            trio.lowlevel.reschedule(task)


def _size(frame: DataFrame) -> int:
    """The approximate number of bytes that `frame` adds, without the JSON around a text, which may be merged."""
    if isinstance(frame, StreamText):
        return len(frame.chunk) if frame.chunk.isascii() else len(frame.chunk.encode())
    return len(frame.model_dump_json())
