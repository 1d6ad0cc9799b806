"""The arbiter: counts rates and places for all workers of one host. The supervisor runs it.

The workers of a user's requests are chosen by the kernel. If each worker counted for itself, a user would have as many
times the limit as there are workers. A worker whose connection ends gives back all of its places.
"""

from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Final

import structlog
import trio
from pydantic import BaseModel

from server.net import RateLimiter
from server.shared_limits.messages import Lines, Question, Reply, send_lines
from server.shared_limits.places import OwnPlaces, Place

log = structlog.get_logger(__name__)

ARBITER: Final = "limits.sock"
"""The name of its Unix socket in the workers' folder."""

_BACKLOG: Final = 256


class Arbiter:
    """Serves the workers that connect to the Unix socket in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ARBITER
        self._rates: dict[tuple[str, float, float], RateLimiter] = {}
        self._places: dict[tuple[str, int], OwnPlaces] = {}

    def __repr__(self) -> str:
        return f"<Arbiter of {len(self._rates)} rates and {len(self._places)} kinds of places>"

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer workers until cancelled. Reports through `task_status` when it listens."""
        listener = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with listener:
            await listener.bind(str(self._path))
            listener.listen(_BACKLOG)
            task_status.started()
            await trio.serve_listeners(self._serve_worker, [trio.SocketListener(listener)])

    async def _serve_worker(self, stream: trio.SocketStream) -> None:
        try:
            async with stream:
                await _Worker(self._rates, self._places).serve(stream)
        # The boundary of one worker's connection: the worker counts for itself until it has connected again.
        except* (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            pass
        except* Exception:
            log.exception("shared_limits_failed")


class _Worker:
    """The connection of one worker."""

    def __init__(
        self, rates: dict[tuple[str, float, float], RateLimiter], places: dict[tuple[str, int], OwnPlaces]
    ) -> None:
        self._rates = rates
        self._places = places
        self._taken: dict[int, tuple[Place, trio.CancelScope]] = {}

    async def serve(self, stream: trio.SocketStream) -> None:
        replies, outgoing = trio.open_memory_channel[BaseModel](math.inf)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send_lines, stream, outgoing)
                async for line in Lines(stream):
                    self._take(Question.model_validate_json(line), replies, nursery)
                nursery.cancel_scope.cancel()
        finally:
            for place, _ in self._taken.values():
                place.give_back()

    def _take(self, question: Question, replies: trio.MemorySendChannel[BaseModel], nursery: trio.Nursery) -> None:
        number = question.number
        match question.op:
            case "hello":
                replies.send_nowait(Reply(number=number))
            case "take":
                wait_s = self._rate(question).take(question.key, trio.current_time())
                replies.send_nowait(Reply(number=number, wait_s=wait_s))
            case "spend":
                wait_s = self._rate(question).spend(question.key, question.amount, trio.current_time())
                replies.send_nowait(Reply(number=number, wait_s=wait_s))
            case "place":
                places = self._places.setdefault((question.name, question.count), OwnPlaces(question.count))
                # Here, because the next line may already give the place back.
                taken = self._taken[number] = places.place(question.key, question.group), trio.CancelScope()
                nursery.start_soon(self._give, question, places, *taken, replies)
            case "leave":
                if number in self._taken:
                    place, waiting = self._taken.pop(number)
                    waiting.cancel()
                    place.give_back()

    def _rate(self, question: Question) -> RateLimiter:
        key = question.name, question.per_s, question.burst
        if key not in self._rates:
            self._rates[key] = RateLimiter(question.per_s, question.burst)
        return self._rates[key]

    async def _give(
        self,
        question: Question,
        places: OwnPlaces,
        place: Place,
        waiting: trio.CancelScope,
        replies: trio.MemorySendChannel[BaseModel],
    ) -> None:
        got = False
        with waiting:
            got = await places.take(place, question.wait_s)
        if not got:
            self._taken.pop(question.number, None)
        replies.send_nowait(Reply(number=question.number, got=got))
