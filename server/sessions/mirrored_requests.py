"""Requests that run at another process: copies of their logs, which sessions of this process follow.

A copy exists while a session follows it. If the other process can't be followed, the sessions get the result of the
request when it has ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from uuid import UUID

import trio

from server.requests import NotReached, RequestFailed
from server.sessions.feed import Feed
from server.sessions.kept import KeptAnswer, KeptAnswers
from server.sessions.outbox import Outbox
from server.sessions.request_log import LogFrame, RequestLog
from streaming.wire import ErrorCode, ServerFrame, StreamText, WsError, WsRequestResult, WsStreamText

_POLL_S: Final = 1.0
# Reads of the result in a row that find nothing, also because the database did not answer.
_MOST_MISSES: Final = 10


class OtherProcesses(Protocol):
    """The processes that run other requests; `server.sockets.Handover` is one. The methods raise only `Cancelled`."""

    async def follow(
        self, server_id: UUID, user_id: UUID, request_id: UUID, take: Callable[[ServerFrame], bool]
    ) -> None:
        """Call `take` with each frame of a request, from its first one, until no more come or it returns False."""
        ...

    async def result(self, server_id: UUID, user_id: UUID, request_id: UUID) -> WsRequestResult | None:
        """The answer so far. None if that process can't be reached, or the request does not run there."""
        ...

    async def cancel(self, server_id: UUID, user_id: UUID, request_id: UUID) -> bool:
        """Cancel a request. Returns False if that process can't be reached, or the request does not run there."""
        ...


class NoOtherProcesses:
    """`OtherProcesses` of a server without a relay, which reaches no other server."""

    async def follow(
        self, server_id: UUID, user_id: UUID, request_id: UUID, take: Callable[[ServerFrame], bool]
    ) -> None:
        """No frames come."""
        del server_id, user_id, request_id, take
        await trio.lowlevel.checkpoint()

    async def result(self, server_id: UUID, user_id: UUID, request_id: UUID) -> WsRequestResult | None:
        """No other process is reached."""
        del server_id, user_id, request_id
        await trio.lowlevel.checkpoint()
        return None

    async def cancel(self, server_id: UUID, user_id: UUID, request_id: UUID) -> bool:
        """No other process is reached."""
        del server_id, user_id, request_id
        await trio.lowlevel.checkpoint()
        return False


class MirrorFollower(Protocol):
    """A session, as a copied log sees it."""

    @property
    def outbox(self) -> Outbox: ...

    def send_control(self, frame: ServerFrame) -> None: ...

    def unwatch(self, request_id: UUID) -> None: ...


class MirroredRequest:
    """The copy of one request's log. `kept` is what the database says about the running request."""

    def __init__(self, kept: KeptAnswer, server_id: UUID, max_log_bytes: int, forget: Callable[[], None]) -> None:
        """`forget` is called when no session follows the copy any more: it must not be followed again."""
        self.user_id = kept.user_id
        self.request_id = kept.result.request_id
        self.fingerprint = kept.fingerprint
        self.log = RequestLog(self.request_id, max_log_bytes)
        self._kept = kept
        self._server_id = server_id
        self._forget = forget
        self._feeds: list[tuple[MirrorFollower, Feed]] = []
        self._unfollowed = trio.Event()
        # No frame came from the other process: each session is told that the request runs, and nothing more.
        self._not_reached = False

    def __repr__(self) -> str:
        return f"<MirroredRequest {self.request_id} of {self._server_id} with {len(self._feeds)} feeds>"

    def follow(self, follower: MirrorFollower, feed: Feed) -> None:
        """Tell `feed` of every further entry."""
        self._feeds.append((follower, feed))
        if self._not_reached:
            follower.send_control(self._running())

    def unfollow(self, follower: MirrorFollower) -> None:
        """Tell this session of no further entry."""
        self._feeds = [(other, feed) for other, feed in self._feeds if other is not follower]
        self._unfollowed.set()

    async def run(self, others: OtherProcesses, answers: KeptAnswers) -> KeptAnswer | None:
        """Copy until the request has ended or no session follows. Returns the answer if the log has its end."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_unfollowed, nursery.cancel_scope)
            await self._copy(others, answers)
            nursery.cancel_scope.cancel()
        self._forget()
        if self.log.end is None:
            return None
        size = max(self.log.size, 1)
        return KeptAnswer(self.user_id, self._kept.device_id, self.fingerprint, self.log.result(), size)

    async def _end_unfollowed(self, scope: trio.CancelScope) -> None:
        while self._feeds:
            self._unfollowed = trio.Event()
            await self._unfollowed.wait()
        self._forget()
        scope.cancel()

    async def _copy(self, others: OtherProcesses, answers: KeptAnswers) -> None:
        await others.follow(self._server_id, self.user_id, self.request_id, self._take)
        if self.log.end is not None:
            return
        if not self.log.entries:
            self._not_reached = True
            self._tell(self._running())
        self._tell_end(await self._await_end(answers))

    def _running(self) -> WsRequestResult:
        return WsRequestResult(request_id=self.request_id, status="running")

    async def _await_end(self, answers: KeptAnswers) -> KeptAnswer | None:
        misses = 0
        while misses < _MOST_MISSES:
            kept = await answers.find(self.user_id, self.request_id)
            misses = misses + 1 if kept is None else 0
            if kept is not None and kept.result.status != "running":
                return kept
            await trio.sleep(_POLL_S)
        return None

    def _take(self, frame: ServerFrame) -> bool:
        entry = StreamText(frame.request_id, frame.block, frame.chunk) if isinstance(frame, WsStreamText) else frame
        if not isinstance(entry, StreamText | LogFrame):
            return False  # the request was refused
        try:
            size = self.log.append(entry)
        except RequestFailed:
            return False  # the log is larger than this server allows
        for follower, feed in self._feeds:
            follower.outbox.pushed(feed, entry, size)
        return self.log.end is None

    def _tell_end(self, kept: KeptAnswer | None) -> None:
        if kept is not None:
            self._tell(kept.result)
        else:
            message = "The request runs no more, and no answer of it is kept."
            self._tell(WsError(code=ErrorCode.UNKNOWN_REQUEST, message=message, request_id=self.request_id))
        for follower, _ in self._feeds.copy():
            follower.unwatch(self.request_id)

    def _tell(self, frame: ServerFrame) -> None:
        for follower, _ in self._feeds:
            follower.send_control(frame)


class MirroredRequests:
    """The copies of this process."""

    def __init__(
        self,
        others: OtherProcesses,
        answers: KeptAnswers,
        max_log_bytes: int,
        start: Callable[..., None],
        keep: Callable[[KeptAnswer], Awaitable[object]],
    ) -> None:
        """`start` runs a function in a task. `keep` keeps an answer whose end is in a copied log."""
        self._others = others
        self._answers = answers
        self._max_log_bytes = max_log_bytes
        self._start = start
        self._keep = keep
        self._mirrors: dict[tuple[UUID, UUID], MirroredRequest] = {}

    def __len__(self) -> int:
        return len(self._mirrors)

    def find(self, user_id: UUID, request_id: UUID) -> MirroredRequest | None:
        """The copy of this request, if a session follows it."""
        return self._mirrors.get((user_id, request_id))

    def copy_of(self, kept: KeptAnswer, server_id: UUID) -> MirroredRequest:
        """The copy of a request that runs at `server_id`. The caller must follow it immediately."""
        place = (kept.user_id, kept.result.request_id)
        mirror = self._mirrors.get(place)
        if mirror is None:
            mirror = MirroredRequest(kept, server_id, self._max_log_bytes, lambda: self._forget(place, mirror))
            self._mirrors[place] = mirror
            self._start(self._run, mirror)
        return mirror

    async def cancel(self, kept: KeptAnswer) -> bool:
        """Cancel a request of another process. Returns False if it does not run. Raises `NotReached`."""
        if kept.server_id is None or kept.result.status != "running":
            return False
        if await self._others.cancel(kept.server_id, kept.user_id, kept.result.request_id):
            return True
        known = await self._answers.find(kept.user_id, kept.result.request_id)
        if known is not None and known.result.status == "running":
            raise NotReached
        return False

    async def result(self, kept: KeptAnswer) -> WsRequestResult:
        """The answer of a kept request: of one that runs elsewhere, its answer so far, if it can be had."""
        if kept.server_id is None or kept.result.status != "running":
            return kept.result
        return await self._others.result(kept.server_id, kept.user_id, kept.result.request_id) or kept.result

    async def _run(self, mirror: MirroredRequest) -> None:
        answer = await mirror.run(self._others, self._answers)
        if answer is not None:
            await self._keep(answer)

    def _forget(self, place: tuple[UUID, UUID], mirror: MirroredRequest | None) -> None:
        if self._mirrors.get(place) is mirror:
            del self._mirrors[place]
