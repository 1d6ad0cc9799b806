"""The places of model calls: their limit, their fair share between users, and when a call holds none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.models.budget import TokenBudget
from server.models.caller import Caller
from server.models.limited_model import LimitedModel
from server.shared_limits import OwnPlaces
from streaming.chat import ChatRequest, ContentDelta, Delta, Usage
from streaming.model.errors import ModelError
from streaming.model.failover import FailoverModel
from streaming.model.retry import RetryPolicy
from streaming.wire.codes import ErrorCode

REQUEST = ChatRequest(())
ANN, BEN, CAT = uuid4(), uuid4(), uuid4()


class Asked:
    """A model that counts its running calls and answers one word. It first fails `failures` times."""

    name = "asked"
    structured_output = True

    def __init__(self, failures: int = 0) -> None:
        self.running = self.calls = 0
        self.failures = failures

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[list[Delta]]]:
        async def batches() -> AsyncIterator[list[Delta]]:
            yield [ContentDelta("word")]

        self.calls += 1
        if self.calls <= self.failures:
            raise ModelError(ErrorCode.MODEL_UNAVAILABLE, "busy", retryable=True)
        self.running += 1
        try:
            yield batches()
        finally:
            self.running -= 1


def caller(user_id: UUID) -> Caller:
    return Caller(user_id, TokenBudget(None).entry(user_id, Usage(), 0))


async def hold(model: LimitedModel, user_id: UUID, got: list[UUID], until: trio.Event) -> None:
    with caller(user_id).calling():
        async with model.stream(REQUEST):
            got.append(user_id)
            await until.wait()


async def test_a_call_over_the_limit_waits_and_is_then_refused(autojump_clock: MockClock) -> None:
    asked = Asked()
    model = LimitedModel(asked, OwnPlaces(2), wait_s=5)
    # One task may run several calls, and two users have a place each.
    with caller(ANN).calling():
        first = model.stream(REQUEST)
        await first.__aenter__()
    with caller(BEN).calling():
        async with model.stream(REQUEST):
            started = trio.current_time()
            with pytest.raises(ModelError) as raised:
                await model.stream(REQUEST).__aenter__()
            assert trio.current_time() - started == 5
            assert (raised.value.code, raised.value.retryable) == (ErrorCode.MODEL_BUSY, True)
            assert asked.running == 2
        async with model.stream(REQUEST) as batches:
            assert [batch async for batch in batches] == [[ContentDelta("word")]]
    await first.__aexit__(None, None, None)
    assert model.structured_output


async def test_without_a_wait_a_free_place_is_taken_and_a_taken_one_refused() -> None:
    places = OwnPlaces(1)
    model = LimitedModel(Asked(), places, wait_s=0)
    async with model.stream(REQUEST) as batches:
        assert [batch async for batch in batches]
        with pytest.raises(ModelError, match="as many requests as it can"):
            await model.stream(REQUEST).__aenter__()
    assert places.held == 0


async def test_a_waiting_call_starts_when_another_ends(autojump_clock: MockClock) -> None:
    model = LimitedModel(Asked(), OwnPlaces(1), wait_s=5)
    times = []

    async def ask() -> None:
        async with model.stream(REQUEST):
            times.append(trio.current_time())
            await trio.sleep(2)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(ask)
    assert [round(time - times[0]) for time in times] == [0, 2, 4]


async def test_a_cancelled_wait_holds_no_place(autojump_clock: MockClock) -> None:
    places = OwnPlaces(1)
    model = LimitedModel(Asked(), places, wait_s=5)
    async with model.stream(REQUEST):
        with trio.move_on_after(1) as waiting:
            await model.stream(REQUEST).__aenter__()
        assert waiting.cancelled_caught
    assert places.held == 0
    assert repr(places) == "<OwnPlaces: 0 of 1 held by 0 holders>"


async def test_calls_that_are_cancelled_together_hold_no_place() -> None:
    places = OwnPlaces(2)
    model, until, got = LimitedModel(Asked(), places, wait_s=60), trio.Event(), list[UUID]()
    async with trio.open_nursery() as nursery:
        for user_id in (ANN, BEN, CAT) * 5:
            nursery.start_soon(hold, model, user_id, got, until)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert places.held == 0


async def test_one_user_leaves_places_to_the_next(autojump_clock: MockClock) -> None:
    model, until, got = LimitedModel(Asked(), OwnPlaces(6), wait_s=60), trio.Event(), list[UUID]()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(hold, model, ANN, got, until)
        await wait_all_tasks_blocked()
        assert got == [ANN] * 3  # half: one user calls
        for user_id in (BEN, BEN, BEN, CAT):
            nursery.start_soon(hold, model, user_id, got, until)
            await wait_all_tasks_blocked()  # in this order
        assert got[3:] == [BEN, BEN, CAT]
        until.set()
    assert len(got) == 24


async def test_the_user_with_the_fewest_calls_is_next(autojump_clock: MockClock) -> None:
    model, got = LimitedModel(Asked(), OwnPlaces(2), wait_s=60), list[UUID]()
    ends = [trio.Event() for _ in range(5)]
    async with trio.open_nursery() as nursery:
        for user_id, end in zip((ANN, BEN, ANN, ANN, CAT), ends, strict=True):
            nursery.start_soon(hold, model, user_id, got, end)
            await wait_all_tasks_blocked()
        assert got == [ANN, BEN]
        ends[1].set()
        await wait_all_tasks_blocked()
        assert got == [ANN, BEN, CAT]  # although Ann has waited longer
        for end in ends:
            end.set()


async def test_a_call_that_waits_to_be_retried_holds_no_place(autojump_clock: MockClock) -> None:
    places = OwnPlaces(1)
    asked = Asked(failures=1)
    model = FailoverModel([LimitedModel(asked, places, wait_s=5)], retry=RetryPolicy(2, base_s=4), random=lambda: 0.5)
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            async with model.stream(REQUEST) as batches:
                assert places.held == 1
                assert [batch async for batch in batches]

        nursery.start_soon(ask)
        await trio.sleep(1)
        assert (asked.calls, places.held) == (1, 0)
    assert asked.calls == 2


async def test_no_place_is_no_fault_of_the_model_and_is_not_retried(autojump_clock: MockClock) -> None:
    places = OwnPlaces(1)
    asked = Asked()
    model = FailoverModel([LimitedModel(asked, places, wait_s=0)], retry=RetryPolicy(5))
    place = places.place(str(ANN))
    assert await places.take(place, 0)
    for _ in range(20):
        with pytest.raises(ModelError) as raised:
            await model.stream(REQUEST).__aenter__()
        assert raised.value.code is ErrorCode.MODEL_BUSY
    assert trio.current_time() < 1
    place.give_back()
    assert model.states() == [("asked", "closed")]
    async with model.stream(REQUEST) as batches:
        assert asked.running == 1
        assert [batch async for batch in batches]


async def test_a_call_whose_client_reads_slowly_holds_no_place(autojump_clock: MockClock) -> None:
    places = OwnPlaces(1)
    model = LimitedModel(Asked(), places, wait_s=0)
    ann = caller(ANN)
    with ann.calling():
        async with model.stream(REQUEST):
            async with ann.without_places():
                assert places.held == 0
                with caller(BEN).calling():
                    async with model.stream(REQUEST):
                        assert places.held == 1
            assert places.held == 1
    assert places.held == 0
    assert repr(ann) == f"<Caller {ANN}, 0 places>"
