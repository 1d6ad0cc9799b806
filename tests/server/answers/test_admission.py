"""Admission: refusals give the id back and are counted as refusals; an id stays used once its request has begun."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import date
from typing import Literal
from uuid import UUID, uuid4

import pytest
import structlog
import trio
import trio.testing

from server.answers.admission import RequestIds
from server.models.spending import TokenSpending
from server.requests import ChatInput, RequestRefused
from streaming.wire.codes import ErrorCode
from streaming.wire.stream_text import AnswerFrame
from tests.server.memory_server import LIMITS, MemoryServer, wall_clock
from tests.server.scripted_model import text_block

REMEMBERED_S = 600.0
UNTIL_MIDNIGHT_S = 57_600.0
"""From the start of the tests' wall clock to the end of its day."""


class Claims:
    """The claims of all servers, without a database. `go_on` keeps calls waiting; `broken` makes `claim` raise."""

    def __init__(self) -> None:
        self.held: set[tuple[UUID, UUID]] = set()
        self.go_on = trio.Event()
        self.go_on.set()
        self.asked = trio.Event()
        self.broken = False

    async def claim(self, chat: ChatInput, ttl_s: float) -> Literal["claimed", "taken", "unknown"]:
        self.asked.set()
        with trio.CancelScope(shield=True):
            await self.go_on.wait()
        if self.broken:
            raise RuntimeError("a bug")
        key = (chat.user_id, chat.request_id)
        if key in self.held:
            return "taken"
        self.held.add(key)
        return "claimed"

    async def release(self, chat: ChatInput) -> None:
        await trio.lowlevel.checkpoint()
        self.held.remove((chat.user_id, chat.request_id))

    async def changing(self, chat: ChatInput) -> bool:
        await trio.lowlevel.checkpoint()
        return (chat.user_id, chat.request_id) in self.held


class Spent:
    """A table of spent tokens in which every user has spent `tokens` of each day. `go_on` keeps reads waiting."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.go_on = trio.Event()
        self.go_on.set()
        self.asked = trio.Event()

    async def total(self, user_id: UUID, day: date) -> int:
        self.asked.set()
        await self.go_on.wait()
        return self.tokens

    async def reserve(self, user_id: UUID, day: date, entry_id: UUID, tokens: int, per_day: int) -> int:
        return await self.total(user_id, day)

    async def settle(self, user_id: UUID, day: date, entry_id: UUID, tokens: int) -> None:
        await trio.lowlevel.checkpoint()


def server(spent: Spent | None = None, claims: Claims | None = None) -> MemoryServer:
    spending = None if spent is None else TokenSpending(10, wall_clock, spent)
    return MemoryServer(spending=spending, claims=claims)


def outcomes(stack: MemoryServer) -> dict[str, float]:
    """The nonzero counts of ended requests, by outcome."""
    found: dict[str, float] = {}
    for line in stack.metrics.render().decode().splitlines():
        if line.startswith("tessera_requests_total") and not line.endswith(" 0.0"):
            name = line.split('outcome="')[1].split('"')[0]
            found[name] = found.get(name, 0.0) + float(line.rsplit(" ", 1)[1])
    return found


async def test_a_request_over_the_budget_is_refused_and_the_same_id_runs_the_next_day(
    autojump_clock: trio.testing.MockClock,
) -> None:
    spent, claims = Spent(10), Claims()
    stack = server(spent, claims)
    stack.model.answer(text_block("a new day"))
    request = {"type": "home_request", "request_id": uuid4(), "message": "hello"}
    await trio.sleep(UNTIL_MIDNIGHT_S - 30)
    with structlog.testing.capture_logs() as logs:
        async with stack.device() as socket:
            await socket.say(**request)
            refused = await socket.hear()
            assert (refused["type"], refused["code"]) == ("error", "budget_spent")
            assert claims.held == set()
            spent.tokens = 0
            await trio.sleep(60)
            await socket.say(**request)
            assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"
    assert outcomes(stack) == {"refused": 1, "completed": 1}
    assert [(line["event"], line.get("code")) for line in logs if line["event"].startswith("request_")] == [
        ("request_refused", "budget_spent"),
        ("request_ended", None),
    ]
    assert claims.held == {(stack.user_id, request["request_id"])}


async def test_an_id_of_another_server_is_refused_and_runs_once_that_server_gave_it_back() -> None:
    claims = Claims()
    stack = server(claims=claims)
    stack.model.answer(text_block("now"))
    request_id = uuid4()
    claims.held.add((stack.user_id, request_id))
    async with stack.device() as socket:
        for _ in range(2):
            await socket.say(type="home_request", request_id=request_id, message="hello")
            assert (await socket.hear())["code"] == "duplicate_request"
        assert claims.held == {(stack.user_id, request_id)}
        claims.held.clear()
        await socket.say(type="home_request", request_id=request_id, message="hello")
        assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"
    assert outcomes(stack) == {"refused": 2, "completed": 1}


@pytest.mark.parametrize("waiting_for", ["claim", "budget"])
async def test_a_request_cancelled_during_admission_gives_its_id_back(waiting_for: str) -> None:
    spent, claims = Spent(0), Claims()
    stack = server(spent, claims)
    stack.model.answer(text_block("hi"))
    slow = claims if waiting_for == "claim" else spent
    slow.go_on = trio.Event()
    request_id = uuid4()
    async with stack.device() as socket:
        await socket.say(type="home_request", request_id=request_id, message="hello")
        await slow.asked.wait()
        await socket.say(type="cancel", request_id=request_id)
        await trio.testing.wait_all_tasks_blocked()
        slow.go_on.set()
        end = await socket.hear()
        assert (end["type"], end["status"]) == ("stream_end", "cancelled")
        assert claims.held == set()
        await socket.say(type="home_request", request_id=request_id, message="hello")
        assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"
    assert outcomes(stack) == {"cancelled": 1, "completed": 1}


async def test_a_request_cancelled_before_admission_claims_nothing() -> None:
    claims = Claims()
    stack = server(claims=claims)
    stack.model.answer(text_block("hi"))
    chat = ChatInput(uuid4(), stack.user_id, "hello", "home")

    async def emit(frame: AnswerFrame) -> None:
        await trio.lowlevel.checkpoint()

    answer = stack.pipeline.accept(chat, source=stack.user_id)
    with trio.CancelScope() as scope:
        scope.cancel()
        await answer.run(emit)
    assert answer.end().status == "cancelled"
    answer.close()
    assert not claims.asked.is_set()
    again = stack.pipeline.accept(chat, source=stack.user_id)
    await again.run(emit)
    assert again.end().status == "completed"
    again.close()


async def test_a_device_that_vanishes_during_admission_can_send_its_request_again() -> None:
    """The request runs on, and the second one attaches to it."""
    claims = Claims()
    stack = server(claims=claims)
    stack.model.answer(text_block("hi"))
    request = {"type": "home_request", "request_id": uuid4(), "message": "hello"}
    claims.go_on = trio.Event()
    async with stack.running():
        async with stack.device() as socket:
            await socket.say(**request)
            await claims.asked.wait()
        async with stack.device() as socket:
            await socket.say(**request)
            await trio.testing.wait_all_tasks_blocked()
            claims.go_on.set()
            assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"
    assert len(claims.held) == 1
    assert len(stack.model.requests) == 2


async def test_a_fault_in_admission_refuses_one_request_and_ends_no_session() -> None:
    claims = Claims()
    stack = server(claims=claims)
    stack.model.answer(text_block("hi"))
    request_id = uuid4()
    claims.broken = True
    async with stack.device() as socket:
        await socket.say(type="home_request", request_id=request_id, message="hello")
        refused = await socket.hear()
        assert (refused["type"], refused["code"], refused["retryable"]) == ("error", "internal", True)
        assert "a bug" not in str(refused)
        claims.broken = False
        await socket.say(type="home_request", request_id=request_id, message="hello")
        assert (await socket.hear_until("stream_end"))[-1]["status"] == "completed"
    assert outcomes(stack) == {"refused": 1, "completed": 1}


@pytest.mark.parametrize(
    ("message", "code"),
    [("x" * (LIMITS.max_message_chars + 1), ErrorCode.MESSAGE_TOO_LONG), ("hi", ErrorCode.SERVER_DRAINING)],
)
async def test_a_refusal_in_the_synchronous_part_is_counted_too(message: str, code: ErrorCode) -> None:
    stack = server()
    if code is ErrorCode.SERVER_DRAINING:
        stack.pipeline.drain()

    request = ChatInput(uuid4(), stack.user_id, message, "popup")
    with pytest.raises(RequestRefused) as refused:
        stack.pipeline.accept(request, source=uuid4())
    assert refused.value.code is code
    assert outcomes(stack) == {"refused": 1}


# ---- ids -----------------------------------------------------------------------------------------------------------


def test_an_id_is_used_while_its_request_runs_and_ten_minutes_after() -> None:
    ids, user, request = RequestIds(REMEMBERED_S), uuid4(), uuid4()
    assert ids.take(user, request, now=0)
    assert not ids.take(user, request, now=10_000)
    ids.finish(user, request, now=10_000)
    assert not ids.take(user, request, now=10_000 + REMEMBERED_S - 1)
    assert ids.take(user, request, now=10_000 + REMEMBERED_S)


def test_two_users_can_use_the_same_id() -> None:
    ids, request = RequestIds(REMEMBERED_S), uuid4()
    assert ids.take(uuid4(), request, now=0)
    assert ids.take(uuid4(), request, now=0)


def test_memory_is_bounded_and_running_ids_are_never_forgotten() -> None:
    ids, user = RequestIds(REMEMBERED_S, limit=2), uuid4()
    running, *finished = [uuid4() for _ in range(5)]
    assert ids.take(user, running, now=0)
    for request in finished:
        assert ids.take(user, request, now=0)
        ids.finish(user, request, now=0)
    assert [ids.take(user, request, now=1) for request in (running, *finished)] == [False, True, True, False, False]


def test_an_id_that_was_given_back_can_be_taken_again() -> None:
    ids, user, request = RequestIds(REMEMBERED_S), uuid4(), uuid4()
    assert ids.take(user, request, now=0)
    ids.give_back(user, request)
    assert not ids.used(user, request, now=0)
    assert ids.take(user, request, now=0)


async def test_one_person_is_bounded_over_their_sockets() -> None:
    stack, gate = server(), trio.Event()
    async with AsyncExitStack() as opened:
        devices = [await opened.enter_async_context(stack.device()) for _ in range(6)]
        for device in devices:
            for _ in range(8):
                stack.model.answer(gate, text_block("x"))
                await device.say(type="home_request", message="hello")
        await trio.testing.wait_all_tasks_blocked()
        assert len(stack.pipeline.live()) == 16
        gate.set()
