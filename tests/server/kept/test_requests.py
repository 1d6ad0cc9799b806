"""Kept requests between servers: one runs an id, others read its state, and requests of a lost server have failed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
import trio.lowlevel

from memory.delivery.answers import KeptAnswers
from memory.delivery.changes import Change, ChangeLog
from memory.delivery.devices import ClientRecord, DeviceRecords
from server.kept.requests import KeptRequests
from server.requests import ChatInput, fingerprint, is_same_request
from server.sessions.kept import KeptAnswer
from server.telemetry.metrics import Metrics
from sql.pool import Pool
from streaming.chat import Message
from streaming.wire import ErrorCode, WsMutationRecord, WsRequestResult, WsResultBlock, WsScope
from tests.memory.memories import Memories
from tests.server.kept.known_servers import KnownServers
from tests.server.memory_server import memory_server
from tests.server.scripted_model import text_block
from tests.server.sessions.resuming_client import home

PHONE = UUID(int=3)


class Servers:
    """Servers over one database. `lost` holds the ids of those that are gone; `away` makes calls fail."""

    def __init__(self, memories: Memories, user_id: UUID) -> None:
        self.answers = KeptAnswers(memories.vault)
        self.changes = ChangeLog(memories.vault)
        self.devices = DeviceRecords(memories.vault)
        self.chat = ChatInput(uuid4(), user_id, "What is due?", "home", device_id=PHONE)
        self.lost: set[UUID] = set()
        self.metrics = Metrics()

    def open(self, server_id: UUID | None = None, per_user: int = 16, *, alone: bool = True) -> KeptRequests:
        known = KnownServers(self.lost, server_id or uuid4(), alone)
        return KeptRequests(self.answers, self.changes, self.metrics, servers=known, keep_s=60, per_user=per_user)

    def answer(self) -> KeptAnswer:
        block = WsResultBlock(block=0, block_type="text", content="The rent.")
        result = WsRequestResult(
            request_id=self.chat.request_id, status="completed", agent="task_agent", blocks=[block]
        )
        return KeptAnswer(self.chat.user_id, PHONE, fingerprint(self.chat), result, 10)

    async def listed(self, server: KeptRequests) -> list[KeptAnswer]:
        """The answers that the device is told of when it connects to `server`."""
        record = await self.devices.connect(self.chat.user_id, PHONE, ClientRecord("t", "1", "terminal"))
        return await server.of_device(self.chat.user_id, PHONE, record)

    async def state(self, server: KeptRequests) -> tuple[str, ErrorCode | str | None, bool | None]:
        found = await server.find(self.chat.user_id, self.chat.request_id)
        assert found is not None
        error = found.result.error
        return found.result.status, None if error is None else error.code, None if error is None else error.retryable

    async def log(self, change: WsMutationRecord, request_id: UUID | None = None) -> None:
        """Add a change of the request to the user's log of changes."""
        body = change.model_dump(mode="json", exclude_none=True)
        body |= {"request_id": str(request_id or self.chat.request_id)}
        await self.changes.append(self.chat.user_id, [Change(uuid4(), PHONE, body)])

    def kept(self) -> dict[str, float]:
        prefix = 'tessera_kept_answers_total{outcome="'
        lines = [line for line in self.metrics.render().decode().splitlines() if line.startswith(prefix)]
        return {line[len(prefix) :].split('"')[0]: float(line.split()[-1]) for line in lines}


@pytest.fixture
async def servers(pool: Pool) -> Servers:
    memories = Memories(pool)
    return Servers(memories, await memories.person())


async def test_one_server_runs_an_id_and_the_others_see_it_run_and_end(servers: Servers) -> None:
    one, other, chat = servers.open(), servers.open(), servers.chat
    assert await one.claim(chat, 60) == "claimed"
    assert await other.claim(chat, 60) == "taken"
    assert await servers.state(other) == ("running", None, None)
    assert [kept.result.status for kept in await servers.listed(other)] == ["running"]
    await one.keep(servers.answer())
    found = await other.find(chat.user_id, chat.request_id)
    assert found == replace(servers.answer(), size=0)
    assert [kept.result.status for kept in await servers.listed(other)] == ["completed"]
    assert servers.kept() == {"kept": 1}


async def test_the_requests_of_a_user_are_counted_over_all_servers_that_live(servers: Servers) -> None:
    first = uuid4()
    one, other = servers.open(first, per_user=2), servers.open(per_user=2)
    chats = [replace(servers.chat, request_id=uuid4()) for _ in range(4)]
    assert await one.claim(chats[0], 60) == "claimed"
    assert await other.claim(chats[1], 60) == "claimed"
    assert await other.claim(chats[2], 60) == "too_many"
    # A known id is a duplicate, not one too many. A refused id is free again.
    assert await other.claim(chats[0], 60) == "taken"
    servers.lost.add(first)
    assert await other.claim(chats[2], 60) == "claimed"
    servers.lost.clear()
    assert await one.claim(chats[3], 60) == "too_many"
    await other.release(chats[1])
    await other.release(chats[2])
    assert await one.claim(chats[3], 60) == "claimed"


POPUP = ChatInput(uuid4(), uuid4(), "Hi", "popup", scope=WsScope(type="task", id="t1"), conversation_id="c")


def test_a_request_is_the_same_if_it_says_the_same_in_the_same_conversation() -> None:
    chat = POPUP
    known = fingerprint(chat)
    for device in (PHONE, None):
        assert is_same_request(known, replace(chat, device_id=device))
    for other in (
        replace(chat, message="other"),
        replace(chat, mode="home", scope=None),
        replace(chat, scope=WsScope(type="task", id="t2")),
        replace(chat, conversation_id="d"),
        replace(chat, history=(Message("user", "Hi"),)),
    ):
        assert not is_same_request(known, other)


def test_a_digest_of_the_question_alone_is_still_compared() -> None:
    chat = POPUP
    known = hashlib.sha256(b'["popup", "Hi", ["task", "t1"]]').digest()
    assert is_same_request(known, replace(chat, conversation_id="d"))
    assert not is_same_request(known, replace(chat, message="other"))


async def test_an_id_that_is_given_back_is_free(servers: Servers) -> None:
    one, other = servers.open(), servers.open()
    assert await one.claim(servers.chat, 60) == "claimed"
    await one.release(servers.chat)
    assert await other.claim(servers.chat, 60) == "claimed"


@pytest.mark.parametrize("changed", [False, True])
async def test_a_request_of_a_lost_server_has_failed_for_good(servers: Servers, changed: bool) -> None:
    lost = uuid4()
    frozen, other, chat = servers.open(lost), servers.open(), servers.chat
    assert await frozen.claim(chat, 60) == "claimed"
    if changed:
        assert await frozen.changing(chat)
    servers.lost.add(lost)
    assert [kept.result.error.code for kept in await servers.listed(other) if kept.result.error] == [
        ErrorCode.SERVER_LOST
    ]
    assert await servers.state(other) == ("failed", ErrorCode.SERVER_LOST, not changed)
    # The server was only frozen. Others have told the outcome already, so it changes nothing and keeps nothing.
    servers.lost.clear()
    assert not await frozen.changing(chat)
    await frozen.keep(servers.answer())
    assert servers.kept() == {"gone": 1}
    assert await servers.state(other) == ("failed", ErrorCode.SERVER_LOST, not changed)


async def test_without_the_database_requests_run_and_are_not_kept(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, chat = servers.open(), servers.chat

    async def away(*_: object, **__: object) -> bool:
        raise psycopg.OperationalError("connection lost")

    with monkeypatch.context() as broken:
        for method in ("claim", "end", "read", "changing", "release"):
            broken.setattr(servers.answers, method, away)
        assert await one.claim(chat, 60) == "unknown"
        assert await one.changing(chat)
        assert await one.find(chat.user_id, chat.request_id) is None
        await one.keep(servers.answer())
    assert servers.kept() == {"failed": 1}
    # The database is back before the next request ends: that one is kept, although its claim was not written.
    with monkeypatch.context() as broken:
        broken.setattr(servers.answers, "claim", away)
        assert await one.claim(chat, 60) == "unknown"
    await one.keep(servers.answer())
    assert servers.kept() == {"failed": 1, "kept": 1}
    assert await servers.state(servers.open()) == ("completed", None, None)


async def test_the_largest_answer_that_is_allowed_is_kept(servers: Servers) -> None:
    one, other, chat = servers.open(), servers.open(), servers.chat
    assert await one.claim(chat, 60) == "claimed"
    block = WsResultBlock(block=0, block_type="text", content='"\n' * (2 << 20))
    whole = servers.answer().result.model_copy(update={"blocks": [block]})
    await one.keep(replace(servers.answer(), result=whole))
    found = await other.find(chat.user_id, chat.request_id)
    assert found is not None
    assert found.result == whole


async def test_an_answer_that_is_too_large_has_failed_and_lists_its_changes(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memory.delivery.answers.MAX_RESULT_BYTES", 1000)
    one, other, chat = servers.open(), servers.open(), servers.chat
    assert await one.claim(chat, 60) == "claimed"
    block = WsResultBlock(block=0, block_type="text", content="x" * 1000)
    change = WsMutationRecord(op="create", entity="task", id="t1")
    whole = servers.answer().result.model_copy(update={"blocks": [block], "mutations": [change]})
    await one.keep(replace(servers.answer(), result=whole))
    found = await other.find(chat.user_id, chat.request_id)
    assert found is not None
    assert (found.result.blocks, found.result.mutations) == ([], [change])
    assert await servers.state(other) == ("failed", ErrorCode.LOG_OVERFLOW, False)
    assert servers.kept() == {"too_large": 1}
    row = await servers.answers.read(chat.user_id, chat.request_id)
    assert row is not None
    assert row.state == "failed"  # as a device that connects is told


async def test_a_change_that_becomes_known_after_the_end_is_listed(servers: Servers) -> None:
    one, other, chat = servers.open(), servers.open(), servers.chat
    change = WsMutationRecord(op="create", entity="task", id="t1")
    assert await one.claim(chat, 60) == "claimed"
    await other.amend(chat.user_id, chat.request_id, change)
    await one.keep(servers.answer())
    await other.amend(chat.user_id, chat.request_id, change)
    found = await one.find(chat.user_id, chat.request_id)
    assert found is not None
    assert found.result == servers.answer().result.model_copy(update={"mutations": [change]})


async def test_a_change_that_becomes_known_after_the_server_was_lost_is_listed(servers: Servers) -> None:
    dead, other, chat = servers.open(), servers.open(), servers.chat
    changes = [WsMutationRecord(op="create", entity="task", id=task) for task in ("t1", "t2")]
    assert await dead.claim(chat, 60) == "claimed"
    servers.lost.add(dead._server_id)
    for change in changes:  # no client has asked for the request yet
        await other.amend(chat.user_id, chat.request_id, change)
    found = await other.find(chat.user_id, chat.request_id)
    assert found is not None
    assert found.result.error is not None
    assert (found.result.error.code, found.result.error.retryable) == (ErrorCode.SERVER_LOST, False)
    assert found.result.mutations == changes


async def test_changes_that_the_log_has_are_listed_after_the_server_was_lost(servers: Servers) -> None:
    dead, other, chat = servers.open(), servers.open(), servers.chat
    early, late, last = (WsMutationRecord(op="create", entity="task", id=task, data={"id": task}) for task in "abc")
    await servers.log(late)  # it has the request's id, and is older than the request
    assert await dead.claim(chat, 60) == "claimed"
    await servers.log(early)
    await servers.log(early, request_id=uuid4())  # of another request
    # The server is gone, which is not known yet: it has not missed enough heartbeats.
    await servers.log(late)
    await other.amend(chat.user_id, chat.request_id, late)
    assert await servers.state(other) == ("running", None, None)
    servers.lost.add(dead._server_id)
    found = await other.find(chat.user_id, chat.request_id)
    assert found is not None
    assert found.result.mutations == [early, late]
    # `changing` was not recorded, but a change is known.
    assert await servers.state(other) == ("failed", ErrorCode.SERVER_LOST, False)
    await servers.log(last)
    await other.amend(chat.user_id, chat.request_id, last)
    found = await other.find(chat.user_id, chat.request_id)
    assert found is not None
    assert found.result.mutations == [early, late, last]


@pytest.mark.parametrize("lost", [False, True])
async def test_changes_that_become_known_at_the_same_time_are_all_listed(servers: Servers, lost: bool) -> None:
    one, other, chat = servers.open(), servers.open(), servers.chat
    changes = [WsMutationRecord(op="create", entity="task", id=f"t{number}") for number in range(5)]
    assert await one.claim(chat, 60) == "claimed"
    if lost:
        servers.lost.add(one._server_id)
    else:
        await one.keep(servers.answer())
    async with trio.open_nursery() as nursery:
        for change in changes:
            nursery.start_soon(other.amend, chat.user_id, chat.request_id, change)
    found = await other.find(chat.user_id, chat.request_id)
    assert found is not None
    assert sorted(change.id for change in found.result.mutations) == [change.id for change in changes]


async def test_keeping_is_retried_and_the_answer_is_fetched_meanwhile(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sessions.host._FIRST_DELAY_S", 0.0)
    one, user_id = servers.open(), servers.chat.user_id
    stack = replace(memory_server(), user_id=user_id, claims=one, store=one)
    stack.model.answer(text_block("The rent."))
    request, end = home("What is due?"), servers.answers.end
    reached, repaired = trio.Event(), trio.Event()
    attempts = 0

    async def failing(*places: Any, **values: Any) -> Any:
        nonlocal attempts
        attempts += 1
        if attempts <= 2:
            raise psycopg.OperationalError("connection lost")
        reached.set()
        await repaired.wait()
        return await end(*places, **values)

    monkeypatch.setattr(servers.answers, "end", failing)
    async with stack.running(), stack.device(device_id=PHONE) as socket:
        await socket.say(**request)
        await socket.hear_until("stream_end")
        await reached.wait()
        found = await stack.sessions.result(user_id, request["request_id"])
        assert found is not None
        assert found.status == "completed"
        repaired.set()
        while servers.kept().get("kept") != 1:
            await trio.lowlevel.checkpoint()
        elsewhere = await servers.open().find(user_id, request["request_id"])
        assert elsewhere is not None
        assert elsewhere.result.blocks[0].content == "The rent."


async def test_a_server_that_stops_waits_until_an_answer_is_kept(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.sessions.host._FIRST_DELAY_S", 0.01)
    one, user_id = servers.open(), servers.chat.user_id
    stack = replace(memory_server(), user_id=user_id, claims=one, store=one)
    stack.model.answer(text_block("The rent."))
    request, end = home("What is due?"), servers.answers.end
    broken = True

    async def failing(*places: Any, **values: Any) -> Any:
        if broken:
            raise psycopg.OperationalError("connection lost")
        return await end(*places, **values)

    monkeypatch.setattr(servers.answers, "end", failing)
    async with stack.running(), stack.device(device_id=PHONE) as socket:
        await socket.say(**request)
        await socket.hear_until("stream_end")
        stack.sessions.drain()
        with trio.move_on_after(0.1) as waiting:
            await stack.sessions.idle()
        assert waiting.cancelled_caught
        broken = False
        await stack.sessions.idle()
        kept = await servers.answers.read(user_id, request["request_id"])
        assert kept is not None
        assert kept.state == "completed"


async def test_a_change_that_comes_while_the_end_is_kept_is_listed(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, user_id = servers.open(), servers.chat.user_id
    stack = replace(memory_server(), user_id=user_id, claims=one, store=one)
    stack.model.answer(text_block("The rent."))
    request, end = home("What is due?"), servers.answers.end
    change = WsMutationRecord(op="create", entity="task", id="t1")

    async def slow(*places: Any, **values: Any) -> Any:
        running = stack.sessions.running(user_id, request["request_id"])
        if running is not None and not running.late_changes:
            running.changed(change)
        return await end(*places, **values)

    monkeypatch.setattr(servers.answers, "end", slow)
    async with stack.running(), stack.device(device_id=PHONE) as socket:
        await socket.say(**request)
        told = (await socket.hear_until("stream_end"))[-1]
        assert [each["id"] for each in told["mutations"]] == ["t1"]
        await stack.sessions.idle()
        found = await servers.open().find(user_id, request["request_id"])
        assert found is not None
        assert found.result.mutations == [change]
