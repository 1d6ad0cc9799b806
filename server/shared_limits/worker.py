"""The limits of a worker: it asks the arbiter, and counts for itself while the arbiter can't be asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

import structlog
import trio
from pydantic import BaseModel

from server.shared_limits.arbiter import ARBITER
from server.shared_limits.messages import Lines, Question, Reply, send_lines
from server.shared_limits.places import OwnPlaces, Place
from server.shared_limits.rate import OwnLimit, Rate

log = structlog.get_logger(__name__)

# The arbiter answers in less than a millisecond, unless the machine is overloaded.
_WITHIN_S: Final = 1.0
_RETRY_S: Final = 1.0


class ArbiterLost(Exception):
    """The arbiter can't be asked now."""


class _Asked:
    __slots__ = ("answered", "reply")

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.reply: Reply | None = None


class SharedLimits:
    """The connection to the arbiter in `folder`. Start `run` in the server's nursery."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / ARBITER
        self._numbers = count()
        self._asked: dict[int, _Asked] = {}
        self._outgoing: trio.MemorySendChannel[BaseModel] | None = None
        self._connection: trio.CancelScope | None = None

    def __repr__(self) -> str:
        return f"<SharedLimits, connected: {self.connected}>"

    @property
    def connected(self) -> bool:
        """Whether the arbiter can be asked."""
        return self._outgoing is not None

    def limit(self, rate: Rate) -> SharedLimit:
        """The limit of a rate over all workers."""
        return SharedLimit(self, rate)

    def places(self, name: str, most: int) -> SharedPlaces:
        """At most `most` places over all workers."""
        return SharedPlaces(self, name, most)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Stay connected until cancelled. Reports through `task_status` after the first attempt."""
        attempted = told = False

        def attempt() -> None:
            nonlocal attempted
            if not attempted:
                attempted = True
                task_status.started()

        def connect() -> None:
            nonlocal told
            told = False
            attempt()

        while True:
            try:
                with trio.CancelScope() as self._connection:
                    await self._connect(connect)
            except* (trio.BrokenResourceError, trio.ClosedResourceError, OSError, ValueError):
                pass
            if not told:  # also if the first attempt failed
                told = True
                log.warning("shared_limits_lost")
            self._outgoing = self._connection = None
            for asked in self._asked.values():
                asked.answered.set()
            attempt()
            await trio.sleep(_RETRY_S)

    async def _connect(self, on_connected: Callable[[], None]) -> None:
        async with await trio.open_unix_socket(str(self._path)) as stream, trio.open_nursery() as nursery:
            outgoing, queued = trio.open_memory_channel[BaseModel](math.inf)
            nursery.start_soon(send_lines, stream, queued)
            number = next(self._numbers)
            outgoing.send_nowait(Question(op="hello", number=number))
            # A frozen process accepts connections, but does not answer.
            answering = trio.current_time() + _WITHIN_S
            with trio.CancelScope(deadline=answering) as waiting:
                async for line in Lines(stream):
                    reply = Reply.model_validate_json(line)
                    if reply.number == number:
                        waiting.deadline = math.inf
                        self._outgoing = outgoing
                        on_connected()
                    elif asked := self._asked.get(reply.number):
                        asked.reply = reply
                        asked.answered.set()
            nursery.cancel_scope.cancel()

    def number(self) -> int:
        """A number for the next question."""
        return next(self._numbers)

    def tell(self, question: Question) -> None:
        """Send a question that is not answered. Does nothing without a connection, which gave back all places."""
        if self._outgoing is not None:
            self._outgoing.send_nowait(question)

    async def ask(self, question: Question, within_s: float = _WITHIN_S) -> Reply:
        """The arbiter's answer. Raises `ArbiterLost`."""
        if self._outgoing is None:
            raise ArbiterLost
        asked = self._asked[question.number] = _Asked()
        try:
            self._outgoing.send_nowait(question)
            with trio.move_on_after(within_s):
                await asked.answered.wait()
        finally:
            del self._asked[question.number]
        if asked.reply is None:
            if not asked.answered.is_set() and self._connection is not None:
                self._connection.cancel()  # it does not answer: connect again, and say hello
            raise ArbiterLost
        return asked.reply


class SharedLimit:
    """A rate over all workers. Implements `server.shared_limits.Limit`."""

    def __init__(self, shared: SharedLimits, rate: Rate) -> None:
        self._shared = shared
        self._rate = rate
        self._own = OwnLimit(rate)

    async def take(self, key: str) -> float:
        """See `server.shared_limits.Limit`."""
        try:
            return (await self._shared.ask(self._question("take", key, 1))).wait_s
        except ArbiterLost:
            return await self._own.take(key)

    async def spend(self, key: str, amount: float) -> float:
        """See `server.shared_limits.Limit`."""
        try:
            return (await self._shared.ask(self._question("spend", key, amount))).wait_s
        except ArbiterLost:
            return await self._own.spend(key, amount)

    def _question(self, op: str, key: str, amount: float) -> Question:
        rate, number = self._rate, self._shared.number()
        fields = {"name": rate.name, "per_s": rate.per_s, "burst": rate.burst, "key": key, "amount": amount}
        return Question.model_validate({"op": op, "number": number, **fields})


class SharedPlaces:
    """Places over all workers. Implements `server.shared_limits.Places`."""

    def __init__(self, shared: SharedLimits, name: str, most: int) -> None:
        self._shared = shared
        self._name = name
        self._count = most
        self._own = OwnPlaces(most)
        self._given: dict[Place, int] = {}

    def __repr__(self) -> str:
        return f"<SharedPlaces {self._name}: {self.held} of {self._count} held by this worker>"

    @property
    def held(self) -> int:
        """See `server.shared_limits.Places`."""
        return len(self._given) + self._own.held

    def place(self, holder: str = "", group: str = "") -> Place:
        """See `server.shared_limits.Places`."""
        return Place(self, holder, group)

    async def take(self, place: Place, wait_s: float | None = None) -> bool:
        """See `server.shared_limits.Places`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        number = self._shared.number()
        question = Question(
            op="place",
            number=number,
            name=self._name,
            key=place.holder,
            group=place.group,
            count=self._count,
            wait_s=wait_s,
        )
        got: bool | None = None
        try:
            reply = await self._shared.ask(question, math.inf if wait_s is None else wait_s + _WITHIN_S)
            got = reply.got
        except ArbiterLost:
            pass
        finally:
            if got is None:
                self._shared.tell(Question(op="leave", number=number))
        if got is None:
            return await self._own.take(place, wait_s)
        if got:
            place.held = True
            self._given[place] = number
        return got

    def give_back(self, place: Place) -> None:
        """See `server.shared_limits.Places`."""
        number = self._given.pop(place, None)
        if number is None:
            self._own.give_back(place)
        else:
            place.held = False
            self._shared.tell(Question(op="leave", number=number))
