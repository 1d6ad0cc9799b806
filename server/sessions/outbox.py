"""What waits for one session's client: control frames, and feeds whose logs have unsent entries. It numbers the frames.

Control frames go first. Feeds take turns. Text that waits costs nothing: the feed renders it when the writer is ready.
Without a socket nothing is lost: the logs grow, and control frames wait. When too much waits for an attached socket,
the requests wait too and stop reading from the model: this is the back-pressure.
"""

from __future__ import annotations

from typing import Final, Protocol

import trio

from server.devices import write_days
from server.sessions.control_queue import ControlQueue
from server.sessions.feed import Feed
from server.sessions.ledger import Ledger, LedgerFrame
from server.sessions.session_locale import SessionLocale
from streaming.wire import (
    AnswerFrame,
    ServerFrame,
    StreamText,
    WsApprovalClosed,
    WsError,
    WsMemoryForgotten,
    WsMemoryPreview,
    WsMutationAck,
    WsRequestResult,
    WsServerMutation,
    WsToolAck,
    WsToolCall,
    WsToolCancel,
    frame_with_text,
)

_REPLAYED: Final = (
    WsServerMutation
    | WsMutationAck
    | WsMemoryForgotten
    | WsMemoryPreview
    | WsRequestResult
    | WsError
    | WsApprovalClosed
    | WsToolCancel
    | WsToolAck
)
"""Control frames that a resume repeats.

The session itself repeats calls and open approvals. The others only matter to a live socket.
"""

_MAX_KEPT: Final = 128
_MAX_KEPT_BYTES: Final = 256 * 1024


class OutboxOverflow(Exception):
    """Too many control frames are queued: the peer reads too slowly or sends too many requests."""


class Sender(Protocol):
    """The socket that an outbox sends to. One task takes frames for it."""

    @property
    def unsent(self) -> bool:
        """Whether part of a frame that `try_send` took must still be sent with `flush`."""
        ...

    def try_send(self, message: bytes) -> int | None:
        """Send one frame if that needs no waiting. Returns how many bytes `flush` must still send; None: nothing."""
        ...

    async def flush(self) -> None:
        """Send the rest of the frame."""
        ...

    def filled(self) -> None:
        """More waits than the outbox allows; see `Outbox.full_since`."""
        ...


class Outbox:
    """The frames of one session on their way to its attached socket, if it has one.

    `max_bytes` bounds what waits before requests must wait. `max_control` bounds the number of queued control frames.
    """

    def __init__(self, ledger: Ledger, max_bytes: int = 256 * 1024, max_control: int = 1024) -> None:
        self.seq = 0
        """The number of the last frame of the session."""
        self.locale = SessionLocale()
        """Frames get the device's form of calendar days when the writer takes them."""
        self._full_since: float | None = None
        self._ledger = ledger
        self._max_bytes = max_bytes
        self._max_control = max_control
        self._control = ControlQueue()
        self._ready: list[Feed] = []
        self._kept: list[tuple[int, int, ServerFrame]] = []
        self._kept_bytes = 0
        self._floor = 0
        self._dropped = False
        self._bytes = 0
        self._sender: Sender | None = None
        self._finishing = False
        self._reader: trio.lowlevel.Task | None = None
        # Made when the first request waits: a parking lot would take 400 bytes in every idle session.
        self._room: trio.lowlevel.ParkingLot | None = None

    def __repr__(self) -> str:
        state = "detached" if self._sender is None else "attached"
        return (
            f"<Outbox {state}: {self._bytes} bytes in {len(self._ready)} feeds, {len(self._control)} control frames,"
            f" {0 if self._room is None else len(self._room)} waiting>"
        )

    @property
    def queued_bytes(self) -> int:
        """The approximate size of the unsent entries in feeds, in bytes of JSON."""
        return self._bytes

    @property
    def full_since(self) -> float | None:
        """The time on trio's clock since which too much waits and the writer has taken nothing; None if it does not."""
        return self._full_since

    @property
    def full(self) -> bool:
        """Whether requests must wait for room."""
        return self._bytes > self._max_bytes and self._sender is not None

    # ---- sockets ----------------------------------------------------------------------------------------------------

    def attach(self, sender: Sender, first: ServerFrame | None = None) -> None:
        """Send to `sender` from now on, `first` first. An earlier sender gets nothing more."""
        self.detach()
        if first is not None:
            self._control.put_first([first])
        self._sender = sender
        self._finishing = False
        self._note_full()

    def detach(self, sender: Sender | None = None) -> None:
        """Send no more: to `sender`, unless another one has been attached, or to any.

        Frames that only matter to a live socket are dropped. Calls are the ledger's to offer again.
        """
        if sender is not None and sender is not self._sender:
            return
        self._sender = None
        self._full_since = None
        self._control.keep(self._control_kept())
        self._wake_reader()
        self._unpark_all()

    def finish(self, sender: Sender) -> None:
        """Let the writer of `sender` take what waits now or arrives meanwhile; then its `take` ends."""
        if sender is self._sender:
            self._finishing = True
            self._wake_reader()

    def can_resume(self, seq: int) -> bool:
        """Whether everything after frame `seq` can still be sent."""
        return self._floor <= seq <= self.seq and not self._dropped

    def processed(self, seq: int) -> bool:
        """Whether a client that has processed frame `seq` has all control frames that a resume repeats."""
        return not self._control_kept() and all(sent <= seq for sent, _, _ in self._kept)

    def go_on(self, seq: int) -> None:
        """Number the first frame after `seq`, which is the last frame of the session at another server."""
        self.seq = self._floor = seq

    def _control_kept(self) -> list[ServerFrame]:
        return [frame for frame in self._control if isinstance(frame, _REPLAYED)]

    def rewind(self, seq: int) -> None:
        """Queue the control frames after `seq` again. Call it without an attached socket."""
        self._control.put_first([frame for sent, _, frame in self._kept if sent > seq])
        self._forget(seq)

    def forget_sent(self) -> None:
        """Keep no control frame that was sent. The session can't be resumed from an earlier `seq` than now."""
        self._forget(self.seq)
        self._dropped = False

    def forget_changes(self) -> None:
        """Send no numbered mutation again: the client says which ones it has. Call it before `rewind`."""
        self._control.keep([frame for frame in self._control if not _is_numbered(frame)])
        self._kept = [kept for kept in self._kept if not _is_numbered(kept[2])]
        self._kept_bytes = sum(size for _, size, _ in self._kept)

    def _forget(self, floor: int) -> None:
        self._kept.clear()
        self._kept_bytes = 0
        self._floor = floor

    # ---- what is put in ---------------------------------------------------------------------------------------------

    def put_control(self, frame: ServerFrame) -> None:
        """Queue `frame` before all answers. Never waits.

        Raises `OutboxOverflow` if the queue is full. Without a socket, the session then can't be resumed any more.
        """
        if self._sender is None and not isinstance(frame, _REPLAYED):
            return
        if not self._control.append(frame, self._max_control):
            self._dropped = True
            raise OutboxOverflow
        self._wake_reader()

    def withdraw(self, call_id: object) -> bool:
        """Remove a queued call. Returns False if it is not queued."""
        for frame in self._control:
            if isinstance(frame, WsToolCall) and frame.call_id == call_id:
                self._control.remove(frame)
                return True
        return False

    def pushed(self, feed: Feed, frame: AnswerFrame, size: int) -> bool:
        """`frame`, of `size` bytes, was just added to the log of `feed`. Never waits.

        Text is sent directly, which returns True, if the writer waits: then nothing else is to be sent.
        """
        if feed.queued:
            feed.waiting += size
            self._bytes += size
            if self._bytes > self._max_bytes:
                self._note_full()
            return False
        if (sender := self._sender) is None:
            return False
        if self._reader is not None and isinstance(frame, StreamText):
            seq = self.seq + 1
            unsent = sender.try_send(frame.to_json(seq))
            if unsent is not None:
                self.seq = seq
                feed.text_sent(len(frame.chunk), seq)
                if unsent:
                    self._wake_reader()
                return True
        self._queue(feed, size)
        return False

    def follow(self, feed: Feed) -> None:
        """Queue `feed` if it has unsent entries."""
        if feed.pending and not feed.queued:
            self._queue(feed, feed.unsent_bytes())

    def drop(self, feed: Feed) -> None:
        """Send no more from `feed`."""
        if feed.queued:
            self._ready.remove(feed)
            self._sent_all(feed)
            self._check_room()

    async def wait_for_room(self) -> None:
        """Wait while too much waits for the attached socket."""
        while self.full:
            await self._park()

    async def wait_for_progress(self) -> None:
        """Wait until something was sent, the socket is lost, or `wake_waiting` is called."""
        await self._park()

    def wake_waiting(self) -> None:
        """Let the tasks that wait for room or progress look again."""
        self._unpark_all()

    # ---- what the writer takes --------------------------------------------------------------------------------------

    async def take(self, sender: Sender) -> tuple[int, AnswerFrame]:
        """The next frame for `sender` with its `seq`; waits for one. For one task only.

        The frame counts as sent; if it is lost, the client resumes from an earlier `seq`. A call means that the frame
        taken before was sent. Raises `trio.EndOfChannel` when another socket is attached, or when `finish` was called
        and nothing waits.
        """
        if self._reader is not None:
            raise trio.BusyResourceError("an outbox has one reader")
        await trio.lowlevel.checkpoint_if_cancelled()
        if sender is self._sender:
            self._note_progress()
        while True:
            if sender is not self._sender:
                await trio.lowlevel.cancel_shielded_checkpoint()
                raise trio.EndOfChannel
            if sender.unsent:
                await sender.flush()
                continue
            frame = self._next()
            if frame is not None:
                break
            if self._finishing:
                await trio.lowlevel.cancel_shielded_checkpoint()
                raise trio.EndOfChannel
            await self._wait()
        seq = self.seq
        await trio.lowlevel.cancel_shielded_checkpoint()
        return seq, frame

    async def _wait(self) -> None:
        self._reader = trio.lowlevel.current_task()

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._reader = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _next(self) -> AnswerFrame | None:
        if self._control:
            frame = self._control.pop()
            self.seq += 1
            self._remember(frame)
            return self._for_device(frame)
        while self._ready:
            feed = self._ready.pop(0)
            before = feed.waiting
            answer = feed.next(self.seq + 1)
            if answer is None:
                self._sent_all(feed)
                continue
            self.seq += 1
            if feed.pending:
                self._ready.append(feed)
                feed.waiting = max(before - feed.taken, 1)
                self._bytes -= before - feed.waiting
            else:
                self._sent_all(feed)
            self._check_room()
            return self._for_device(answer)
        return None

    def _for_device(self, frame: AnswerFrame) -> AnswerFrame:
        """The frame with days in the device's form, and with the sentence of its error in the person's language."""
        stated = self.locale.stated
        written = write_days(frame, self.locale.forms(getattr(frame, "request_id", None)))
        return frame_with_text(written, stated.language if stated is not None else None)

    def _remember(self, frame: ServerFrame) -> None:
        if isinstance(frame, LedgerFrame):
            self._ledger.sent(frame, self.seq)
        elif isinstance(frame, _REPLAYED):
            size = len(frame.model_dump_json())
            self._kept.append((self.seq, size, frame))
            self._kept_bytes += size
            while len(self._kept) > _MAX_KEPT or self._kept_bytes > _MAX_KEPT_BYTES:
                self._floor, size, _ = self._kept.pop(0)
                self._kept_bytes -= size

    # ---- room -------------------------------------------------------------------------------------------------------

    def _queue(self, feed: Feed, size: int) -> None:
        feed.queued = True
        feed.waiting = size
        self._bytes += size
        self._ready.append(feed)
        self._note_full()
        self._wake_reader()

    def _sent_all(self, feed: Feed) -> None:
        feed.queued = False
        self._bytes -= feed.waiting
        feed.waiting = 0

    def _note_full(self) -> None:
        if self.full and self._full_since is None and self._sender is not None:
            self._full_since = trio.current_time()
            self._sender.filled()

    def _note_progress(self) -> None:
        if self._full_since is not None:
            self._full_since = trio.current_time()

    async def _park(self) -> None:
        if self._room is None:
            self._room = trio.lowlevel.ParkingLot()
        await self._room.park()

    def _unpark_all(self) -> None:
        if self._room is not None:
            self._room.unpark_all()

    def _check_room(self) -> None:
        if not self.full:
            self._full_since = None
            self._unpark_all()

    def _wake_reader(self) -> None:
        if self._reader is not None:
            task, self._reader = self._reader, None
            trio.lowlevel.reschedule(task)


def _is_numbered(frame: ServerFrame) -> bool:
    return isinstance(frame, WsServerMutation) and frame.change is not None
