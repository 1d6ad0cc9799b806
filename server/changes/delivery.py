"""Delivers numbered changes to devices that understand numbers: each change once, in order, without gaps.

Announcements only say that a change exists: they may arrive late, twice, out of order or not at all, because several
servers write to one log. A device whose next number is missing gets it from the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
import trio

from memory.delivery import ChangeLog, DeviceRecord, NumberedChange
from server.devices import DeviceLink
from server.telemetry import Metrics
from streaming.wire import CloseCode, WsChangesState, WsServerMutation

log = structlog.get_logger(__name__)

_AGAIN_S: Final = 1.0


@dataclass(slots=True)
class _Position:
    """A device has been sent every change up to `cursor`; `announced` is the highest number that exists for sure.

    `paused`: it has no socket. `reading`: a task reads what it misses.
    """

    cursor: int
    announced: int
    paused: bool = False
    reading: bool = False


@dataclass(frozen=True, slots=True)
class Missed:
    """For `device_ready`, and the frames that follow it. `state`: None if the log could not be read."""

    state: WsChangesState | None
    frames: Sequence[WsServerMutation] = ()


@dataclass(slots=True)
class Joining:
    """A device that is connecting: what it missed, and the changes that were announced since that was read."""

    user_id: UUID
    device_id: UUID
    announced: int = 0
    missed: Missed = field(default_factory=lambda: Missed(None))


class ChangeDelivery:
    """Implements `server.devices.registry.NumberedChanges`. `run` it in the server's nursery."""

    def __init__(self, changes: ChangeLog, metrics: Metrics) -> None:
        self._log = changes
        self._metrics = metrics
        self._positions: WeakKeyDictionary[DeviceLink, _Position] = WeakKeyDictionary()
        self._joining: dict[UUID, list[Joining]] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read the log for devices that miss a change, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            task_status.started()
            await trio.sleep_forever()

    # ---- a device connects ------------------------------------------------------------------------------------------

    @contextmanager
    def joining(self, user_id: UUID, device_id: UUID) -> Iterator[Joining]:
        """In this block, call `read`, and then `joined` when the device's link exists."""
        joining = Joining(user_id, device_id)
        others = self._joining.setdefault(user_id, [])
        others.append(joining)
        try:
            yield joining
        finally:
            others.remove(joining)
            if not others:
                del self._joining[user_id]

    async def read(self, joining: Joining, record: DeviceRecord, after: int | None) -> Missed:
        """What the device missed after the number `after`; None: after the number that it last reported.

        `record` was read inside the block of `joining`. A device that has never reported a number is new: it misses
        nothing. If its number may have been removed with its record, it is told `lost`. Raises nothing but `Cancelled`:
        if the log can't be read, the state is None.
        """
        try:
            joining.missed = await self._read(joining, record, after)
        # A boundary: the device connects also without the log. It then asks again with its number at its next connect.
        except Exception as error:  # noqa: BLE001
            log.warning("changes_read_failed", reason=type(error).__name__, detail=str(error))
            self._metrics.changes_missed("failed")
            joining.missed = Missed(None)
        return joining.missed

    async def _read(self, joining: Joining, record: DeviceRecord, after: int | None) -> Missed:
        last = record.last_change
        if after is None:
            after = record.change_cursor
        if after is None:
            await self._log.seen(joining.user_id, joining.device_id, last)
            if record.may_have_expired and last:
                self._metrics.changes_missed("lost")
                return Missed(WsChangesState(last=last, missed="lost"))
            after = last
        if after == last:
            return Missed(WsChangesState(last=last, missed="none"))
        found = await self._log.missed(joining.user_id, after)
        self._metrics.changes_missed(found.missed)
        frames = [_frame(change) for change in found.changes if change.device_id != joining.device_id]
        missed: Literal["none", "sent", "lost"] = found.missed if found.missed == "lost" or frames else "none"
        return Missed(WsChangesState(last=found.last, missed=missed), frames)

    def joined(self, joining: Joining, link: DeviceLink) -> None:
        """From now on `link` gets each change after those that it missed. Its missed changes are queued already."""
        state = joining.missed.state
        if state is None:
            # It gets changes as they come, and must ask for the missed ones when it connects again.
            self._positions.pop(link, None)
            return
        position = self._positions[link] = _Position(state.last, max(state.last, joining.announced))
        self._catch_up(link, position)

    def parted(self, link: DeviceLink) -> None:
        """The device has no socket. It gets the changes of this time when it connects again."""
        position = self._positions.get(link)
        if position is not None:
            position.paused = True

    async def seen(self, user_id: UUID, device_id: UUID, number: int) -> None:
        """Keep the number of the last change that the device has applied. Raises nothing but `Cancelled`."""
        try:
            await self._log.seen(user_id, device_id, number)
        # A boundary: the device may get changes again at its next connect, which it recognises by their numbers.
        except Exception as error:  # noqa: BLE001
            log.warning("change_cursor_failed", reason=type(error).__name__, detail=str(error))

    # ---- a change is announced --------------------------------------------------------------------------------------

    def announced(self, user_id: UUID, number: int) -> None:
        """A change of this user exists."""
        for joining in self._joining.get(user_id, ()):
            joining.announced = max(joining.announced, number)

    def look_again(self) -> None:
        """Read the log for each connected device: a server has ended, perhaps before it announced a change."""
        if self._nursery is not None:
            self._nursery.start_soon(self._look_again)

    async def _look_again(self) -> None:
        # One after another: nobody waits for them, and other work needs the database.
        for link, position in list(self._positions.items()):
            while self._positions.get(link) is position and not position.paused:
                try:
                    found = await self._log.missed(link.user_id, position.cursor)
                # A boundary: the change is in the log, so it is found when the database works again.
                except Exception as error:  # noqa: BLE001
                    log.warning("changes_read_failed", reason=type(error).__name__, detail=str(error))
                    await trio.sleep(_AGAIN_S)
                    continue
                position.announced = max(position.announced, found.last)
                self._catch_up(link, position)
                break

    def deliver(self, link: DeviceLink, frame: WsServerMutation) -> None:
        """Send a change to one device, now or after the changes before it."""
        position = self._positions.get(link)
        if position is None:
            if frame.origin_device_id != link.device_id:
                link.send_control(frame)
            return
        if position.paused:
            return
        if frame.change is None:
            if frame.origin_device_id != link.device_id:
                link.send_control(frame)
            return
        position.announced = max(position.announced, frame.change)
        if frame.change == position.cursor + 1 and not position.reading:
            self._send(link, position, frame)
        self._catch_up(link, position)

    def _send(self, link: DeviceLink, position: _Position, frame: WsServerMutation) -> None:
        assert frame.change is not None  # noqa: S101 - the caller has compared it
        position.cursor = frame.change
        if frame.origin_device_id != link.device_id:
            link.send_control(frame)

    def _catch_up(self, link: DeviceLink, position: _Position) -> None:
        if position.announced > position.cursor and not position.reading and self._nursery is not None:
            position.reading = True
            self._nursery.start_soon(self._read_on, link, position)

    async def _read_on(self, link: DeviceLink, position: _Position) -> None:
        """Send what the device misses. If that is impossible, it must connect again to learn so."""
        try:
            while position.announced > position.cursor and self._positions.get(link) is position:
                found = await self._log.missed(link.user_id, position.cursor)
                if position.paused:
                    return
                if found.missed != "sent":
                    log.warning("changes_lost", after=position.cursor, last=found.last)
                    link.close(CloseCode.INTERNAL_ERROR, "changes are missing; connect again")
                    return
                for change in found.changes:
                    self._send(link, position, _frame(change))
        # A boundary: the device learns at its next connect what it missed.
        except Exception as error:  # noqa: BLE001
            log.warning("changes_read_failed", reason=type(error).__name__, detail=str(error))
            link.close(CloseCode.INTERNAL_ERROR, "changes are missing; connect again")
        finally:
            position.reading = False


def _frame(change: NumberedChange) -> WsServerMutation:
    return WsServerMutation(**change.body, origin_device_id=change.device_id, change=change.number)
