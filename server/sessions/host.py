"""The sessions of this process, and the nursery in which their requests run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Literal
from uuid import UUID

import structlog
import trio

from memory.delivery import ClientRecord, DeviceRecord, DeviceRecords
from person import resolve_locale
from server.answers import AnswerPipeline
from server.changes import ChangeDelivery, Missed
from server.devices import NO_LOCALE, DeviceLocale, DeviceRegistry
from server.requests import ListedRequest
from server.sessions.activity import Activity
from server.sessions.calls import MadeChange
from server.sessions.client_frames import ClientFrames
from server.sessions.failures import ACCESS_ENDED, EXPIRED, STOPPED
from server.sessions.features import CHANGES
from server.sessions.kept import AnswersInMemory, DropReason, KeptAnswer, KeptAnswers, LayeredAnswers
from server.sessions.limits import SessionLimits
from server.sessions.mirrored_requests import MirroredRequests, NoOtherProcesses, OtherProcesses
from server.sessions.rest_requests import RestCaller, RestRequests
from server.sessions.running_request import RunningRequest
from server.sessions.services import SessionServices
from server.sessions.session import Session
from server.sessions.view import View
from streaming.wire import CloseCode, WsFailure, WsRequestResult, WsResume, WsStreamEnd

log = structlog.get_logger(__name__)

_FIRST_DELAY_S: Final = 0.5
_LAST_DELAY_S: Final = 30.0
_UNKNOWN_CLIENT: Final = ClientRecord("", "", "")


class SessionHost:
    """Opens and ends sessions. Implements `server.requests.KnownRequests`. `run` it in the server's nursery."""

    def __init__(
        self,
        pipeline: AnswerPipeline,
        registry: DeviceRegistry,
        limits: SessionLimits,
        *,
        answer_keep_s: float,
        store: KeptAnswers | None = None,
        changes: ChangeDelivery | None = None,
        devices: DeviceRecords | None = None,
        others: OtherProcesses | None = None,
    ) -> None:
        """Ended answers are kept in memory for `answer_keep_s` seconds, and in `store`, which outlives the process.

        `devices`: None if no device is recorded.
        """
        self.limits = limits
        self.frames = ClientFrames(pipeline, registry, changes, self._changed, self._is_open)
        self._registry = registry
        self._answer_keep_s = answer_keep_s
        self._changes = changes
        self._devices = devices
        self._in_memory = AnswersInMemory(answer_keep_s, self._dropped)
        self._store = None if store is None else LayeredAnswers(self._in_memory, store)
        self._kept: KeptAnswers = self._store or self._in_memory
        self._running: dict[tuple[UUID, UUID], RunningRequest] = {}
        self._mirrors = MirroredRequests(
            others or NoOtherProcesses(), self._kept, limits.log_bytes, self._start, self._in_memory.keep
        )
        self._services = SessionServices(
            pipeline, registry, limits, self._kept, self._running, self._mirrors, self._run_request, self._start
        )
        self.rest = RestRequests(self._services)
        self._sessions: dict[UUID, dict[UUID, Session]] = {}
        self._draining = False
        self._stopping = trio.Event()
        # When each session without a socket ends. The grace time is the same for all, so the first one ends first.
        self._ends_at: dict[Session, float] = {}
        self._any_ends = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._activity = Activity()

    def __repr__(self) -> str:
        return f"<SessionHost: {len(self)} sessions, {len(self._running)} requests>"

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    @property
    def detached(self) -> int:
        """The number of sessions without a socket."""
        return sum(not session.attached for devices in self._sessions.values() for session in devices.values())

    @property
    def log_bytes(self) -> int:
        """The size of the logs of all sessions, and of the running requests that came over REST."""
        of_sessions = sum(session.room.used for devices in self._sessions.values() for session in devices.values())
        over_rest = (one.log.size for one in self._running.values() if isinstance(one.owner, RestCaller))
        return of_sessions + sum(over_rest)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the requests of all sessions until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._in_memory.run)
            nursery.start_soon(self._end_sessions)
            task_status.started()

    # ---- sockets ----------------------------------------------------------------------------------------------------

    async def attach(
        self,
        view: View,
        user_id: UUID,
        device_id: UUID,
        features: frozenset[str],
        resume: WsResume | None,
        changes_after: int | None = None,
        client: ClientRecord = _UNKNOWN_CLIENT,
        locale: DeviceLocale = NO_LOCALE,
        connection_id: UUID | None = None,
        go_on: WsResume | None = None,
    ) -> Session:
        """Attach a socket to the session of its device, which is opened if there is none.

        A client with the feature `changes` also gets the changes that it missed after the number `changes_after`.
        `connection_id`: see `server.devices.registry.OtherServers.joined`. `go_on`: where the device's session ended at
        another server with nothing left to send; a new session goes on from there.
        Raises `memory.vault.NoSuchUser`, and what the database raises.
        """
        attached = False
        try:
            if self._changes is None or CHANGES not in features:
                record, kept = await self._read(user_id, device_id, client)
                session = self._attach(
                    view, user_id, device_id, features, resume, kept, None, locale, connection_id, go_on
                )
            else:
                with self._changes.joining(user_id, device_id) as joining:
                    record, kept = await self._read(user_id, device_id, client)
                    missed = await self._changes.read(joining, record, changes_after)
                    session = self._attach(
                        view, user_id, device_id, features, resume, kept, missed, locale, connection_id, go_on
                    )
                    self._changes.joined(joining, session)
            attached = True
        finally:
            if not attached:
                self.not_attached(user_id, device_id, connection_id)
        return session

    async def _read(
        self, user_id: UUID, device_id: UUID, client: ClientRecord
    ) -> tuple[DeviceRecord, Sequence[KeptAnswer]]:
        """What is kept for a device that connects. Takes one statement, unless a server of its requests may be gone."""
        record = DeviceRecord(is_new=True)
        if self._devices is not None:
            record = await self._devices.connect(user_id, device_id, client)
        session = self._sessions.get(user_id, {}).get(device_id)
        if session is not None and (ended := session.replayable):
            # What the person has erased, at whichever server, must not be replayed.
            for request_id in await self._kept.erased(user_id, ended):
                session.answer_dropped(request_id, "erased")
        return record, await self._kept.of_device(user_id, device_id, record)

    def not_attached(self, user_id: UUID, device_id: UUID, connection_id: UUID | None) -> None:
        """A handshake failed. Other servers may know its connection: it is the session's, or there is no session."""
        session = self._sessions.get(user_id, {}).get(device_id)
        if session is not None and not session.attached:
            session.connection_id = connection_id
            self._tell_away(session)
        elif session is None and connection_id is not None and self._registry.others is not None:
            self._registry.others.parted(user_id, device_id, connection_id)

    def _attach(
        self,
        view: View,
        user_id: UUID,
        device_id: UUID,
        features: frozenset[str],
        resume: WsResume | None,
        kept: Sequence[KeptAnswer],
        missed: Missed | None,
        locale: DeviceLocale,
        connection_id: UUID | None,
        go_on: WsResume | None,
    ) -> Session:
        devices = self._sessions.setdefault(user_id, {})
        session = devices.get(device_id)
        if session is None:
            session = devices[device_id] = Session(self._services, user_id, device_id)
            if go_on is not None:
                session.session_id = go_on.session_id
                session.outbox.go_on(go_on.seq)
        session.connection_id = connection_id
        self._ends_at.pop(session, None)
        session.attach(view, features, resume, kept, missed, locale)
        self._registry.add(session)
        return session

    def release(self, user_id: UUID, device_id: UUID, resume: WsResume | None) -> WsResume | Literal["busy"] | None:
        """Another server has the device's socket: end the session here, unless it is `busy`.

        Returns where a new session at the other server can go on; None if it can't. A server that drains only keeps the
        sessions of running requests.
        """
        session = self._sessions.get(user_id, {}).get(device_id)
        if session is None:
            return None
        end = session.ends_at(resume)
        if end == "busy" and (not self._draining or session.has_requests):
            return end
        session.close(CloseCode.REPLACED, "this device connected again")
        self._end(session)
        return None if end == "busy" else end

    def end_access(self, user_id: UUID, device_id: UUID | None = None) -> None:
        """A device was revoked, or the account is deleted: end its sessions and requests, also those over REST."""
        for session in list(self._sessions.get(user_id, {}).values()):
            if device_id is None or session.device_id == device_id:
                session.close(CloseCode.UNAUTHORIZED, "this access has ended: log in again")
                self._end(session, ACCESS_ENDED)
        for request in list(self._running.values()):
            if request.chat.user_id == user_id and (device_id is None or request.chat.device_id == device_id):
                request.fail(ACCESS_ENDED)

    def drain(self) -> None:
        """The server stops: close each socket when no request of its session runs."""
        self._draining = True
        self._stopping.set()
        for link in self._registry.all():
            link.drain()

    def detach(self, session: Session, view: View) -> None:
        """The socket has closed. Its session ends if no other socket is attached within the grace time."""
        if session.detach(view) and not session.ended:
            if self._changes is not None:
                self._changes.parted(session)
            self._tell_away(session)
            self._ends_at[session] = trio.current_time() + self.limits.resume_grace_s
            self._any_ends.set()

    def _tell_away(self, session: Session) -> None:
        if self._registry.others is not None and session.connection_id is not None:
            self._registry.others.away(session.user_id, session.device_id, session.connection_id)

    async def _end_sessions(self) -> None:
        """End sessions when their grace time ends, until cancelled."""
        while True:
            if not self._ends_at:
                self._any_ends = trio.Event()
                await self._any_ends.wait()
                continue
            session, ends_at = next(iter(self._ends_at.items()))
            if ends_at > trio.current_time():
                await trio.sleep_until(ends_at)
            else:
                self._end(session)

    def _end(self, session: Session, failure: WsFailure = EXPIRED) -> None:
        self._ends_at.pop(session, None)
        requests = session.expire()
        self._registry.remove(session)
        if self._registry.others is not None and session.connection_id is not None:
            self._registry.others.parted(session.user_id, session.device_id, session.connection_id)
        devices = self._sessions[session.user_id]
        del devices[session.device_id]
        if not devices:
            del self._sessions[session.user_id]
        for request in requests:
            request.fail(failure)
        log.info("session_ended", session_id=str(session.session_id), requests=len(requests))

    # ---- requests ---------------------------------------------------------------------------------------------------

    async def result(self, user_id: UUID, request_id: UUID) -> WsRequestResult | None:
        """See `server.requests.KnownRequests`."""
        running = self._running.get((user_id, request_id))
        if running is not None:
            await trio.lowlevel.checkpoint()
            return running.log.result()
        kept = await self._kept.find(user_id, request_id)
        return None if kept is None else await self._mirrors.result(kept)

    async def page(self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedRequest]:
        """See `server.requests.KnownRequests`."""
        return await self._kept.page(user_id, limit, before)

    def running(self, user_id: UUID, request_id: UUID) -> RunningRequest | None:
        """A request of a session of this process."""
        return self._running.get((user_id, request_id))

    async def cancel(self, user_id: UUID, request_id: UUID) -> bool:
        """See `server.requests.KnownRequests`."""
        running = self._running.get((user_id, request_id))
        if running is not None:
            running.cancel()
            await trio.lowlevel.checkpoint()
            return True
        kept = await self._kept.find(user_id, request_id)
        return kept is not None and await self._mirrors.cancel(kept)

    def runs_in(self, user_id: UUID, conversation_id: str) -> bool:
        """See `server.requests.KnownRequests`."""
        chats = (running.chat for running in self._running.values())
        return any(chat.user_id == user_id and chat.conversation_id == conversation_id for chat in chats)

    def _changed(self, session: Session, change: MadeChange, awaited: bool) -> str:
        """A device made a change for a request. Its result must list the change also if no task waited for it."""
        running = self._running.get((session.user_id, change.request_id))
        if running is not None:
            running.changed(change.record)
            return running.time_zone
        if not awaited:
            self._start(self._kept.amend, session.user_id, change.request_id, change.record)
        return resolve_locale(session.locale).time_zone

    def _is_open(self, user_id: UUID, call_id: UUID) -> bool:
        return any(call_id in session.calls for session in self._sessions.get(user_id, {}).values())

    async def idle(self) -> None:
        """Wait until no request runs, and no answer waits to be kept."""
        await self._activity.idle()

    def end_requests(self) -> None:
        """The server stops now: end every request as failed."""
        for request in list(self._running.values()):
            request.fail(STOPPED)

    def _run_request(self, request: RunningRequest) -> None:
        self._activity.begin()
        self._running[request.chat.user_id, request.request_id] = request
        self._start(partial(request.run, self._request_ended))

    async def _request_ended(self, request: RunningRequest, end: WsStreamEnd | None) -> None:
        chat = request.chat
        if end is not None:
            # Both before the client gets the end, so that an ended answer is remembered and can be fetched. Side by
            # side, because each waits for its own transaction.
            async with trio.open_nursery() as nursery:
                nursery.start_soon(request.store)
                await self._keep(request, end)
            for change in request.late_changes:
                self._go_on(self._kept.amend, chat.user_id, chat.request_id, change)
            late = {"mutations": [*end.mutations, *request.late_changes]} if request.late_changes else None
            request.push(end if late is None else end.model_copy(update=late))
        self._running.pop((chat.user_id, chat.request_id), None)
        involved = (request.owner, *request.followers())
        for session in self._sessions.get(chat.user_id, {}).values():
            if session in involved:
                session.request_ended(request, refused=end is None)
        self._activity.end()

    def _go_on(self, work: Callable[..., Awaitable[None]], *args: object) -> None:
        """Keep or amend an answer in a task. Until it ends, the host is not idle."""
        self._activity.begin()

        async def run() -> None:
            try:
                await work(*args)
            finally:
                self._activity.end()

        self._start(run)

    async def _keep(self, request: RunningRequest, end: WsStreamEnd) -> None:
        chat = request.chat
        try:
            result, size = request.log.result(end), max(request.log.size, 1)
            kept = KeptAnswer(chat.user_id, chat.device_id, request.fingerprint, result, size)
            if not await self._kept.keep(kept):
                self._go_on(self._keep_again, kept)
        # A boundary: the client gets its answer also if it can't be kept.
        except Exception:
            log.exception("answer_keep_failed", request_id=str(request.request_id))

    async def _keep_again(self, kept: KeptAnswer) -> None:
        """Retry until the answer is kept or its time is over. Meanwhile it is in this process's memory."""
        delay_s = _FIRST_DELAY_S
        with trio.move_on_after(self._answer_keep_s):
            while self._store is not None:
                with trio.move_on_after(delay_s):
                    await self._stopping.wait()  # then it tries again soon, because the server waits for it
                    await trio.sleep(_FIRST_DELAY_S)
                if await self._store.keep_again(kept):
                    return
                delay_s = min(2 * delay_s, _LAST_DELAY_S)

    def _dropped(self, kept: KeptAnswer, reason: DropReason) -> None:
        for session in self._sessions.get(kept.user_id, {}).values():
            session.answer_dropped(kept.result.request_id, reason)

    def _start(self, *work: object) -> None:
        if self._nursery is None:
            raise RuntimeError("the session host does not run")
        self._nursery.start_soon(*work)  # type: ignore[arg-type]  # a function and its arguments
