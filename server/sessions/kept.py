"""The answers of requests that have ended, kept so that they can be fetched and are not made twice."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

import trio

from memory import NoSuchUser
from memory.delivery import DeviceRecord
from server.requests import ListedRequest, NotListed
from streaming.wire import WsMutationRecord, WsRequestResult

DropReason = Literal["over", "early", "erased"]
"""Why an answer is no longer kept: its time is over, too many are kept, or its contents were erased."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer of one ended request. `fingerprint`: see `server.requests.fingerprint`. `size`: bytes of its log.

    `device_id` is the device that asked, None for a request that came without one. `server_id` is the other server that
    runs the request; None if it has ended, or runs at this server.
    """

    user_id: UUID
    device_id: UUID | None
    fingerprint: bytes
    result: WsRequestResult
    size: int
    server_id: UUID | None = None

    def amended(self, change: WsMutationRecord) -> KeptAnswer:
        """This answer with a further change. A retry can then no longer repair its failure."""
        result = self.result
        error = result.error
        if error is not None and error.retryable:
            error = error.model_copy(update={"retryable": False})
        update = {"mutations": [*result.mutations, change], "error": error}
        return replace(self, result=result.model_copy(update=update))


class KeptAnswers(Protocol):
    """Where answers are kept for `TESSERA_ANSWER_KEEP_S`. Only `keep` may raise something besides `Cancelled`."""

    async def keep(self, answer: KeptAnswer) -> bool:
        """Keep an answer. Called after the request has ended and before its client gets `stream_end`.

        Returns False if it must be tried again. Raises `NoSuchUser` if the account was deleted meanwhile.
        """
        ...

    async def find(self, user_id: UUID, request_id: UUID) -> KeptAnswer | None:
        """The kept answer of this user's request; None if there is none, or it has expired."""
        ...

    async def erased(self, user_id: UUID, request_ids: Collection[UUID]) -> set[UUID]:
        """Which of these ended requests must not be shown any more, because the person erased their memory."""
        ...

    async def amend(self, user_id: UUID, request_id: UUID, change: WsMutationRecord) -> None:
        """Add a change of this request that became known after its end, if its answer is still kept."""
        ...

    async def of_device(self, user_id: UUID, device_id: UUID, record: DeviceRecord) -> list[KeptAnswer]:
        """The kept answers of the requests of one device, the oldest first. `record` was read just now."""
        ...

    async def page(self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedRequest]:
        """See `server.requests.KnownRequests`."""
        ...


class AnswersInMemory:
    """`KeptAnswers` in this process. Past a bound in bytes, of all users or of one, the oldest answers go early.

    The newest answer is kept however large it is: else its own client could not resume it. `dropped` is called with
    each answer that is no longer kept. Needs `run`.
    """

    def __init__(
        self,
        keep_s: float,
        dropped: Callable[[KeptAnswer, DropReason], None],
        *,
        max_bytes: int = 64 << 20,
        max_user_bytes: int = 8 << 20,
    ) -> None:
        self._keep_s = keep_s
        self._dropped = dropped
        self._max_bytes = max_bytes
        self._max_user_bytes = max_user_bytes
        self._answers: OrderedDict[tuple[UUID, UUID], tuple[float, KeptAnswer]] = OrderedDict()
        self._bytes = 0
        self._user_bytes: Counter[UUID] = Counter()
        # The request ids of each user, the oldest first, so that no call for one user reads all.
        self._of_user: dict[UUID, dict[UUID, None]] = {}
        self._first = trio.Event()

    def __len__(self) -> int:
        return len(self._answers)

    async def keep(self, answer: KeptAnswer) -> bool:
        """See `KeptAnswers`."""
        user_id = answer.user_id
        self._answers[user_id, answer.result.request_id] = (trio.current_time() + self._keep_s, answer)
        self._bytes += answer.size
        self._user_bytes[user_id] += answer.size
        self._of_user.setdefault(user_id, {})[answer.result.request_id] = None
        self._first.set()
        while self._user_bytes[user_id] > self._max_user_bytes and len(self._of_user[user_id]) > 1:
            self._drop((user_id, next(iter(self._of_user[user_id]))), "early")
        while self._bytes > self._max_bytes and len(self._answers) > 1:
            self._drop(next(iter(self._answers)), "early")
        return True

    async def find(self, user_id: UUID, request_id: UUID) -> KeptAnswer | None:
        """See `KeptAnswers`."""
        kept = self._answers.get((user_id, request_id))
        return None if kept is None or kept[0] <= trio.current_time() else kept[1]

    async def of_device(self, user_id: UUID, device_id: UUID, record: DeviceRecord) -> list[KeptAnswer]:
        """See `KeptAnswers`."""
        del record
        answers = (self._answers[user_id, request_id][1] for request_id in self._of_user.get(user_id, ()))
        return [answer for answer in answers if answer.device_id == device_id]

    async def amend(self, user_id: UUID, request_id: UUID, change: WsMutationRecord) -> None:
        """See `KeptAnswers`."""
        until, kept = self._answers.get((user_id, request_id), (0.0, None))
        if kept is not None:
            self._answers[user_id, request_id] = until, kept.amended(change)
        await trio.lowlevel.checkpoint()

    async def erased(self, user_id: UUID, request_ids: Collection[UUID]) -> set[UUID]:
        """See `KeptAnswers`. Memory is erased in the database, so none."""
        del user_id, request_ids
        await trio.lowlevel.checkpoint()
        return set()

    async def page(self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedRequest]:
        """Raises `NotListed`: this process knows neither the times nor the requests of other processes."""
        del user_id, limit, before
        await trio.lowlevel.checkpoint()
        raise NotListed

    def drop(self, user_id: UUID, request_id: UUID) -> None:
        """Keep this answer no longer."""
        if (user_id, request_id) in self._answers:
            self._drop((user_id, request_id), "erased")

    async def run(self) -> None:
        """Drop answers when their time has come, until cancelled."""
        while True:
            if not self._answers:
                self._first = trio.Event()
                await self._first.wait()
                continue  # it may have been dropped since, because it is too large or its account was deleted
            key, (until, _) = next(iter(self._answers.items()))
            if until > trio.current_time():
                await trio.sleep_until(until)
            else:
                self._drop(key, "over")

    def _drop(self, key: tuple[UUID, UUID], reason: DropReason) -> None:
        _, answer = self._answers.pop(key)
        self._bytes -= answer.size
        self._user_bytes[answer.user_id] -= answer.size
        of_user = self._of_user[answer.user_id]
        del of_user[answer.result.request_id]
        if not of_user:
            del self._of_user[answer.user_id], self._user_bytes[answer.user_id]
        self._dropped(answer, reason)


class LayeredAnswers:
    """`KeptAnswers` in this process's memory first, and in `store`, which other processes share."""

    def __init__(self, in_memory: AnswersInMemory, store: KeptAnswers) -> None:
        self._in_memory = in_memory
        self._store = store

    async def keep(self, answer: KeptAnswer) -> bool:
        """See `KeptAnswers`."""
        await self._in_memory.keep(answer)
        return await self.keep_again(answer)

    async def keep_again(self, answer: KeptAnswer) -> bool:
        """Try again to keep an answer that is in memory already. Returns False if it must be tried again."""
        # The copy in memory may have got a change that became known late.
        latest = await self._in_memory.find(answer.user_id, answer.result.request_id)
        try:
            return await self._store.keep(latest or answer)
        except NoSuchUser:
            # The account was deleted while the request ran: nothing of it stays here.
            self._in_memory.drop(answer.user_id, answer.result.request_id)
            return True

    async def amend(self, user_id: UUID, request_id: UUID, change: WsMutationRecord) -> None:
        """See `KeptAnswers`."""
        await self._in_memory.amend(user_id, request_id, change)
        await self._store.amend(user_id, request_id, change)

    async def find(self, user_id: UUID, request_id: UUID) -> KeptAnswer | None:
        """See `KeptAnswers`."""
        here = await self._in_memory.find(user_id, request_id)
        if here is None:
            return await self._store.find(user_id, request_id)
        return None if await self.erased(user_id, [request_id]) else here

    async def erased(self, user_id: UUID, request_ids: Collection[UUID]) -> set[UUID]:
        """See `KeptAnswers`. Drops what this process holds of them."""
        erased = await self._store.erased(user_id, request_ids)
        for request_id in erased:
            self._in_memory.drop(user_id, request_id)
        return erased

    async def of_device(self, user_id: UUID, device_id: UUID, record: DeviceRecord) -> list[KeptAnswer]:
        """See `KeptAnswers`."""
        here = await self._in_memory.of_device(user_id, device_id, record)
        known = {answer.result.request_id for answer in here}
        stored = await self._store.of_device(user_id, device_id, record)
        return [answer for answer in stored if answer.result.request_id not in known] + here

    async def page(self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None) -> list[ListedRequest]:
        """See `KeptAnswers`. This process may know an end that the store does not have yet, and its error code."""
        return [await self._latest(user_id, one) for one in await self._store.page(user_id, limit, before)]

    async def _latest(self, user_id: UUID, one: ListedRequest) -> ListedRequest:
        here = await self._in_memory.find(user_id, one.request_id)
        if here is None:
            return one
        error = here.result.error
        return replace(one, state=here.result.status, reason=None if error is None else error.code)
