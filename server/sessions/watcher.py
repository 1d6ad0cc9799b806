"""A follower of a request for sessions of another process, which copies the log."""

from __future__ import annotations

import math

import trio

from server.requests import ChatInput, DuplicateRequest
from server.sessions.feed import Feed
from server.sessions.ledger import Ledger
from server.sessions.log_room import LogRoom
from server.sessions.outbox import Outbox, OutboxOverflow, Sender
from server.sessions.running_request import RunningRequest
from streaming.wire import ServerFrame


class Watcher:
    """Implements `server.sessions.running_request.Follower`.

    Its outbox sends the whole log to `sender`, then live frames. It never slows the request down. Call `close` last.
    """

    def __init__(self, request: RunningRequest, sender: Sender) -> None:
        self.outbox = Outbox(Ledger())
        self.room = LogRoom(math.inf)
        self._request = request
        self._sender = sender
        self.outbox.attach(sender)
        feed = Feed(request.log, block_open=True, tool_events=True)
        request.follow(self, feed)
        self.outbox.follow(feed)

    def __repr__(self) -> str:
        return f"<Watcher of {self._request.request_id}>"

    def send_control(self, frame: ServerFrame) -> None:
        """Send a frame that is not a part of the answer, such as the refusal of the request."""
        try:
            self.outbox.put_control(frame)
        except OutboxOverflow:
            self.outbox.detach()

    def answer_duplicate(self, chat: ChatInput, duplicate: DuplicateRequest) -> None:
        """Only the session that asked answers this."""

    async def wait_for_log_room(self) -> None:
        """A watcher does not slow a request down."""
        await trio.lowlevel.checkpoint()

    async def finish(self) -> None:
        """Wait for the end of the request. The outbox then ends when it has sent everything."""
        await self._request.ended()
        self.outbox.finish(self._sender)

    def close(self) -> None:
        """Follow no more."""
        self._request.unfollow(self)
        self.outbox.detach()
