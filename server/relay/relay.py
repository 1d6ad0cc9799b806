"""Sends frames between the servers of one database. Each server has the sockets of some devices.

Every server takes its messages from a table, in order for each user. A notification announces each message.
`server.relay.missed` finds the messages whose notification was lost.

A call has two deadlines. The asking server's decides. The device's server applies the rest of the same time, by the
database's clock, so that the device withdraws the call even if the asking server is gone. A call that is abandoned
before it was taken is removed, so that a server that resumes later does not run it. In every case the asking task gets
exactly one result; a later answer is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID, uuid4

import structlog
import trio

from memory.keys import KeyRing
from server.accounts import EndedAccess
from server.devices import DeviceRegistry, DeviceSide
from server.presence import HEARTBEAT_S, STALE_S, Presence, ServerMarks
from server.relay.approvals import RelayedApprovals
from server.relay.arrivals import Arrivals
from server.relay.link import OpenCalls, RelayedFrame, RelayedLink
from server.relay.messages import (
    SEAL_LABEL,
    AccessEnded,
    Announced,
    ApprovalAsked,
    ApprovalEnded,
    ApprovalGiven,
    DeviceGoneMessage,
    ForDevice,
    FromDevice,
    Message,
    Replaced,
    Seal,
    StreamData,
    Unreadable,
)
from server.relay.missed import MissedMessages
from server.relay.send_queue import SendQueue
from server.relay.served_calls import ServedCalls
from server.relay.store import BEAT, RelayStore, channel_of
from server.relay.streams import RelayStreams
from server.storage import Database
from sql.notifications import listen
from sql.statements import Statements
from streaming.wire import CloseCode, WsDataRequest, WsServerMutation, WsToolCall, WsToolCancel

log = structlog.get_logger(__name__)

# The last heartbeat may be a whole interval old.
_SLOW_TAKE_S: Final = STALE_S - 2 * HEARTBEAT_S
_LOOKUP_S: Final = 3.0
_EXPIRE_S: Final = 30.0
_LASTING_S: Final = 30.0
_TAKEN_WITHIN_S: Final = 2.0
# As long as an access token lasts by default.
_ACCESS_ENDED_S: Final = 3600.0
_ASK_AGAIN_S: Final = 0.02


def _ignore(ended: EndedAccess) -> None:
    """For servers without sockets."""


def _nothing() -> None:
    """For servers without sockets."""


class Relay:
    """Implements `server.devices.registry.OtherServers`. Needs `run`."""

    def __init__(
        self,
        store: RelayStore,
        registry: DeviceRegistry,
        conninfo: str,
        *,
        call_s: float,
        heartbeat_s: float = HEARTBEAT_S,
        marks: ServerMarks | None = None,
    ) -> None:
        """`call_s`: seconds that a device has to answer a data request, whose frame has no deadline.

        `marks`: the servers of this machine.
        """
        self._store = store
        self._registry = registry
        self._conninfo = conninfo
        self._call_s = call_s
        self._heartbeat_s = heartbeat_s
        self._open_calls: dict[UUID, OpenCalls] = {}
        self._sessions: dict[tuple[UUID, UUID], UUID] = {}
        self._out = SendQueue(store)
        self._served_calls = ServedCalls(self._reply)
        self.approvals = RelayedApprovals(store.server_id, self._out, registry.approvals, self._reply)
        self.streams = RelayStreams(store.server_id, self._post_data)
        self._arrivals = Arrivals(self._take)
        self._missed = MissedMessages(store, self._arrivals)
        self._look = trio.Event()
        self._expire_at = 0.0
        self.presence = Presence(store, marks)
        self.on_access_ended: Callable[[EndedAccess], None] = _ignore
        """Called when another server has ended a user's access."""
        self.on_server_gone: Callable[[], None] = _nothing
        """Called when other servers have ended, perhaps before they sent what they had to send."""
        self._others: set[UUID] = set()

    def __repr__(self) -> str:
        return f"<Relay {self._store.server_id}, awaiting {sum(map(len, self._open_calls.values()))}>"

    @property
    def server_id(self) -> UUID:
        return self._store.server_id

    # ---- as the registry sees it ------------------------------------------------------------------------------------

    async def locate(self, user_id: UUID, device_id: UUID | None) -> DeviceSide | None:
        """See `server.devices.registry.OtherServers`. Without the database it only finds devices of this server."""
        try:
            with trio.fail_after(_LOOKUP_S):
                devices = await self._store.devices(user_id)
        # A boundary: devices of this server can be called without the database.
        except Exception as error:  # noqa: BLE001
            log.warning("relay_locate_failed", reason=type(error).__name__, detail=str(error))
            return self._registry.find(user_id, device_id)
        for found, server_id, attached in devices:
            if device_id != found and not (device_id is None and attached):
                continue
            if server_id != self.server_id:
                open_calls = self._open_calls.setdefault(server_id, OpenCalls())
                return RelayedLink(user_id, found, server_id, open_calls, self._post)
            if (here := self._registry.find(user_id, found)) is not None:
                return here
        return self._registry.find(user_id, device_id)

    async def connected(self, user_id: UUID) -> set[UUID]:
        """See `server.devices.registry.OtherServers`."""
        try:
            with trio.fail_after(_LOOKUP_S):
                devices = await self._store.devices(user_id)
        # A boundary: the limit of this process holds without the database.
        except Exception as error:  # noqa: BLE001
            log.warning("relay_locate_failed", reason=type(error).__name__, detail=str(error))
            return set()
        return {device_id for device_id, _, attached in devices if attached}

    def announce(self, user_id: UUID, frame: WsServerMutation) -> None:
        """See `server.devices.registry.OtherServers`."""
        self._out.announce(user_id, Announced(frame=frame), _LASTING_S)

    async def joined(self, user_id: UUID, device_id: UUID, session_id: UUID, *, take: bool = False) -> UUID | None:
        """See `server.devices.registry.OtherServers`. Closes the device's older socket at another server."""
        before = await self._store.join(user_id, device_id, session_id, take=take)
        if before is not None and before[0] != self.server_id:
            if before[2] and not take:
                return before[0]
            message = Replaced(device_id=device_id, connection_id=before[1])
            self._out.put(user_id, before[0], message, _LASTING_S)
        self._sessions[user_id, device_id] = session_id
        return None

    def away(self, user_id: UUID, device_id: UUID, session_id: UUID) -> None:
        """See `server.devices.registry.OtherServers`."""
        self._out.away(user_id, device_id, session_id)

    def parted(self, user_id: UUID, device_id: UUID, session_id: UUID) -> None:
        """See `server.devices.registry.OtherServers`."""
        if self._sessions.get((user_id, device_id)) == session_id:
            del self._sessions[user_id, device_id]
        self._out.part(user_id, device_id, session_id)

    async def end_access(self, ended: EndedAccess) -> None:
        """Tell every running server that access has ended, and wait until each knows it, at most two seconds.

        Raises what the database raises: then some servers may not know it.
        """
        logins = None if ended.logins is None else sorted(ended.logins)
        message = AccessEnded(logins=logins, device_id=ended.device_id, keep=ended.keep, account=ended.account)
        sent = []
        for server_id in await self._store.live() - {self.server_id}:
            sent.append(uuid4())
            await self._store.send(ended.user_id, server_id, message, _ACCESS_ENDED_S, sent[-1])
        untaken = len(sent)
        with trio.move_on_after(_TAKEN_WITHIN_S):
            while untaken and (untaken := await self._store.untaken(ended.user_id, sent)):  # noqa: ASYNC110
                await trio.sleep(_ASK_AGAIN_S)  # only the table knows what other servers took
        if untaken:
            log.warning("access_end_untaken", servers=untaken)

    def _post(self, link: RelayedLink, frame: RelayedFrame) -> None:
        within_s = frame.deadline_ms / 1000 if isinstance(frame, WsToolCall) else self._call_s
        message = ForDevice(device_id=link.device_id, asker=self.server_id, within_s=within_s, frame=frame)
        if isinstance(frame, WsToolCancel):
            self._out.withdraw(link.user_id, link.server_id, frame.call_id, message, within_s)
            return
        call_id = frame.data_id if isinstance(frame, WsDataRequest) else frame.call_id
        lost = partial(link.open_calls.gone, call_id)
        self._out.put_call(link.user_id, link.server_id, message, within_s, call_id, lost)

    def _post_data(self, user_id: UUID, server_id: UUID, message: StreamData, lost: Callable[[], None]) -> None:
        self._out.put(user_id, server_id, message, _LASTING_S, lost)

    def _reply(self, user_id: UUID, asker: UUID, message: Message) -> None:
        self._out.put(user_id, asker, message, _LASTING_S)

    # ---- its tasks --------------------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Relay until cancelled. Reports when other servers can see this one. Raises nothing but `Cancelled`."""
        async with trio.open_nursery() as nursery:
            await self._beat()
            nursery.start_soon(self._listen)
            nursery.start_soon(self._out.run)
            nursery.start_soon(self._arrivals.run)
            nursery.start_soon(self._served_calls.run)
            nursery.start_soon(self.streams.run)
            nursery.start_soon(self._keep_in_touch)
            task_status.started()

    async def _listen(self) -> None:
        def heard(payload: str) -> None:
            if payload == BEAT:
                self._missed.heard()
                return
            try:
                user_id, _message_id = map(UUID, payload.split())
            except ValueError:  # any client of the database may send notifications
                return
            self._arrivals.note(user_id)

        def listening() -> None:
            self._missed.listening()
            self._look.set()

        await listen(self._conninfo, channel_of(self.server_id), on_listening=listening, on_notification=heard)

    async def _keep_in_touch(self) -> None:
        """At every heartbeat: record that this server runs, see which others run, and look for missed messages."""
        while True:
            with trio.move_on_after(self._heartbeat_s):
                await self._look.wait()
            self._look = trio.Event()
            self.approvals.end_expired()
            self.approvals.ask_new_servers()
            await self._beat()

    async def _beat(self) -> None:
        try:
            with trio.fail_after(STALE_S):
                self._missed.begin_heartbeat()
                if await self.presence.beat():
                    await self._rejoin()
                # Read before `others`: a server that is called after this line need not be in `others` yet.
                known = set(self._open_calls) | self.streams.servers() | self.approvals.servers()
                others = await self.presence.others()
                await self._missed.find()
                if trio.current_time() >= self._expire_at:
                    self._expire_at = trio.current_time() + _EXPIRE_S
                    await self._store.expire()
        # A boundary: the database may work again at the next heartbeat.
        except Exception as error:  # noqa: BLE001
            log.warning("relay_heartbeat_failed", reason=type(error).__name__, detail=str(error))
            return
        for server_id in known - others:
            log.warning("relay_server_gone", server=str(server_id))
            self.streams.server_gone(server_id)
            self.approvals.server_gone(server_id)
            if (open_calls := self._open_calls.pop(server_id, None)) is not None:
                open_calls.all_gone()
        ended, self._others = self._others - others, others
        if ended:
            self.on_server_gone()

    async def _rejoin(self) -> None:
        """Record this server's devices again, after other servers had treated it as gone.

        A device may have connected to another server meanwhile. Its session here ends.
        """
        for (user_id, device_id), session_id in list(self._sessions.items()):
            if not await self._store.rejoin(user_id, device_id, session_id):
                self._replaced(user_id, device_id, session_id)

    # ---- what arrives -----------------------------------------------------------------------------------------------

    async def _take(self, user_id: UUID) -> bool:
        began = trio.current_time()
        try:
            taken, more = await self._store.take(user_id)
        # A boundary: a failure must not affect other users. The next heartbeat tries again.
        except Exception as error:  # noqa: BLE001
            log.warning("relay_take_failed", reason=type(error).__name__, detail=str(error))
            self._missed.failed(user_id)
            return False
        took_s = trio.current_time() - began
        for one in taken:
            if isinstance(one.message, Unreadable):
                log.warning("relay_take_failed", reason=type(one.message).__name__, detail=str(one.message))
            else:
                self._handle(user_id, one.message, one.left_s, took_s)
        return more

    def _handle(self, user_id: UUID, message: Message, left_s: float, took_s: float) -> None:
        match message:
            case ForDevice():
                # If this process was stopped meanwhile, others treated it as dead and abandoned the call.
                device = self._registry.find(user_id, message.device_id) if took_s < _SLOW_TAKE_S else None
                self._served_calls.serve(user_id, device, message.bounded(left_s - took_s))
            case FromDevice():
                for open_calls in self._open_calls.values():
                    if open_calls.answer(message.frame):
                        return
            case DeviceGoneMessage():
                for open_calls in self._open_calls.values():
                    open_calls.gone(message.id)
            case Announced():
                self._registry.deliver(user_id, message.frame)
            case ApprovalAsked():
                self.approvals.asked(user_id, message, took_s)
            case ApprovalGiven():
                self.approvals.given(user_id, message)
            case ApprovalEnded():
                self.approvals.ended(user_id, message.frame)
            case StreamData():
                self.streams.handle(user_id, message)
            case AccessEnded():
                logins = None if message.logins is None else frozenset(message.logins)
                ended = EndedAccess(user_id, logins, message.device_id, message.keep, message.account)
                self.on_access_ended(ended)
            case Replaced():
                self._replaced(user_id, message.device_id, message.connection_id)

    def _replaced(self, user_id: UUID, device_id: UUID, session_id: UUID) -> None:
        """Another server has the device: end this session, unless it has ended."""
        link = self._registry.find(user_id, device_id)
        if link is not None and self._sessions.get((user_id, device_id)) == session_id:
            link.close(CloseCode.REPLACED, "this device connected again")


def open_relay(
    database: Database,
    statements: Statements,
    keys: KeyRing,
    registry: DeviceRegistry,
    *,
    call_s: float,
    marks: ServerMarks | None = None,
) -> Relay:
    """A relay for `registry`, which from now on also finds devices of other servers. The caller must `run` it."""
    store = RelayStore(database.pool, statements, Seal(keys.derive(SEAL_LABEL)), stale_s=STALE_S)
    relay = Relay(store, registry, database.listen_url, call_s=call_s, marks=marks)
    registry.others = relay
    registry.approvals.others = relay.approvals
    return relay
