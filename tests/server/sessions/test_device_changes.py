"""What a device changed for a request is recorded and announced before the device's copy may go, also if it is late."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from memory.delivery import LoggedChange
from server.memory_service import ChangeSource
from server.memory_service.entity_changes import Logged
from streaming.wire import WsMutationRecord
from tests.server.memory_server import MemoryServer, NoMemory, memory_server
from tests.server.memory_socket import MemorySocket
from tests.server.scripted_model import call, text_block
from tests.server.sessions.resuming_client import home

ITEM = {"id": "t1", "title": "Pay the rent"}
FEATURES = ["ledger"]


class HeldLog(NoMemory):
    """An `AnswerMemory` whose log of changes stores when the test says so. `full`: it takes nothing."""

    def __init__(self) -> None:
        self.held: list[tuple[WsMutationRecord, ChangeSource, Logged]] = []
        self.full = False

    def changed(self, user_id: UUID, change: WsMutationRecord, source: ChangeSource, logged: Logged) -> bool:
        """Holds the change."""
        if not self.full:
            self.held.append((change, source, logged))
        return not self.full


def server() -> tuple[MemoryServer, HeldLog]:
    log = HeldLog()
    stack = replace(memory_server(), memory=log)
    stack.model.answer(call("create_task", title="Pay the rent"))
    stack.model.answer(trio.Event())
    return stack, log


async def asked(socket: MemorySocket, request: dict[str, Any]) -> str:
    """The id of the call that the device is asked to make. The device has started it."""
    await socket.say(**request)
    call_id = str((await socket.hear_until("tool_call"))[-1]["call_id"])
    await socket.say(type="tool_accepted", call_id=call_id)
    await wait_all_tasks_blocked()
    return call_id


async def types(socket: MemorySocket) -> list[str]:
    """The types of the frames that arrived by now, except for those of answers."""
    await wait_all_tasks_blocked()
    await socket.say(type="ping")
    return [frame["type"] for frame in await socket.hear_until("pong") if not frame["type"].startswith("stream_")][:-1]


async def test_a_change_is_announced_and_acknowledged_when_it_is_in_the_log() -> None:
    stack, log = server()
    request = home("create a task")
    async with stack.running(), stack.device() as other, stack.device(features=FEATURES) as socket:
        call_id = await asked(socket, request)
        await socket.say(type="tool_result", call_id=call_id, ok=True, data=ITEM)
        assert await types(socket) == await types(other) == []
        # The model has not said anything since.
        (change, source, logged), *_ = log.held
        assert change == WsMutationRecord(op="create", entity="task", id="t1", data=ITEM)
        assert (source.mutation_id, source.request_id) == (UUID(call_id), request["request_id"])
        # The same result again is the same change.
        await socket.say(type="tool_result", call_id=call_id, ok=True, data=ITEM)
        assert await types(socket) == []
        logged(LoggedChange(7, is_new=True))
        told = await other.hear()
        assert (told["type"], told["id"], told["change"]) == ("mutation", "t1", 7)
        assert (await socket.hear_until("tool_ack"))[-1]["call_id"] == call_id
        assert len(log.held) == 1


@pytest.mark.parametrize("fault", ["refused", "full"])
async def test_a_change_that_is_not_logged_is_not_acknowledged_until_the_device_offers_it_again(fault: str) -> None:
    stack, log = server()
    device_id = uuid4()
    log.full = fault == "full"
    async with stack.running(), stack.device() as other:
        async with stack.device(device_id=device_id, features=FEATURES) as socket:
            call_id = await asked(socket, home("create a task"))
            await socket.say(type="tool_result", call_id=call_id, ok=True, data=ITEM)
            await wait_all_tasks_blocked()
            if fault == "refused":
                log.held.pop()[2](None)
            assert await types(socket) == []
            assert (await other.hear())["type"] == "mutation"
        log.full = False
        async with stack.device(device_id=device_id, features=FEATURES) as socket:
            again = (await socket.hear_until("tool_call"))[-1]
            assert (again["call_id"], again["offered_again"], again["accepted"]) == (call_id, True, True)
            await socket.say(type="tool_result", call_id=call_id, ok=True, data=ITEM)
            await wait_all_tasks_blocked()
            log.held.pop()[2](LoggedChange(8, is_new=True))
            assert (await socket.hear_until("tool_ack"))[-1]["call_id"] == call_id
        async with stack.device(device_id=device_id, features=FEATURES) as socket:
            assert await types(socket) == []


@pytest.mark.parametrize("late", ["cancelled", "deadline", "gap"])
async def test_a_late_result_is_recorded_announced_and_listed(late: str, autojump_clock: MockClock) -> None:
    stack = memory_server()
    stack.model.answer(call("create_task", title="Pay the rent"))
    stack.model.answer(text_block("Hm."))
    request, device_id = home("create a task"), uuid4()
    async with stack.running(), stack.device() as other:
        async with stack.device(device_id=device_id, features=FEATURES) as socket:
            call_id = await asked(socket, request)
            match late:
                case "cancelled":
                    await socket.say(type="cancel", request_id=str(request["request_id"]))
                case "deadline":
                    await trio.sleep(31)
            if late != "gap":
                await socket.hear_until("stream_end")
                await socket.say(type="tool_result", call_id=call_id, ok=True, data=ITEM)
                await socket.hear_until("tool_ack")
        if late == "gap":
            await trio.sleep(31)
            async with stack.device(device_id=device_id, features=FEATURES) as socket:
                again = (await socket.hear_until("tool_call"))[-1]
                assert (again["call_id"], again["accepted"]) == (call_id, True)
                await socket.say(type="tool_result", call_id=call_id, ok=True, data=ITEM)
                await socket.hear_until("tool_ack")
        told = await other.hear()
        assert (told["type"], told["op"], told["id"]) == ("mutation", "create", "t1")
        await wait_all_tasks_blocked()
        result = await stack.sessions.result(stack.user_id, request["request_id"])
    assert result is not None
    assert [change.id for change in result.mutations] == ["t1"]


async def test_a_change_whose_request_was_cancelled_with_it_is_in_the_end() -> None:
    stack, log = server()
    request = home("create a task")
    async with stack.running(), stack.device(features=FEATURES) as socket:
        call_id = await asked(socket, request)
        await socket.say(type="tool_result", call_id=call_id, ok=True, data=ITEM)
        await socket.say(type="cancel", request_id=str(request["request_id"]))
        end = (await socket.hear_until("stream_end"))[-1]
        assert (end["status"], [change["id"] for change in end["mutations"]]) == ("cancelled", ["t1"])
        assert len(log.held) == 1


async def test_a_device_that_never_says_what_became_of_a_withdrawn_call_is_asked_once_per_connection() -> None:
    stack = memory_server()
    stack.model.answer(call("create_task", title="Pay the rent"))
    request, device_id = home("create a task"), uuid4()
    async with stack.running():
        async with stack.device(device_id=device_id, features=FEATURES) as socket:
            call_id = await asked(socket, request)
            await socket.say(type="cancel", request_id=str(request["request_id"]))
            await socket.hear_until("stream_end")
        async with stack.device(device_id=device_id, features=FEATURES) as socket:
            assert (await socket.hear())["call_id"] == call_id
            unknown = {"code": "unknown", "message": "restarted"}
            await socket.say(type="tool_result", call_id=call_id, ok=False, error=unknown)
            assert (await socket.hear_until("tool_ack"))[-1]["call_id"] == call_id
        async with stack.device(device_id=device_id, features=FEATURES) as socket:
            assert await types(socket) == []


@pytest.mark.parametrize("outcome", ["unknown", "deadline", "no item"])
@pytest.mark.parametrize("claim", ["Done, I created it.", "I could not confirm the change."])
async def test_a_change_that_is_uncertain_is_called_uncertain(
    outcome: str, claim: str, autojump_clock: MockClock
) -> None:
    stack = memory_server()
    stack.model.answer(call("create_task", title="Pay the rent"))
    stack.model.answer(text_block(claim))
    async with stack.device(features=FEATURES) as socket:
        call_id = await asked(socket, home("create a task"))
        match outcome:
            case "unknown":
                unknown = {"code": "unknown", "message": "restarted"}
                await socket.say(type="tool_result", call_id=call_id, ok=False, error=unknown)
            case "deadline":
                await trio.sleep(31)
            case "no item":
                await socket.say(type="tool_result", call_id=call_id, ok=True, data={})
        frames = await socket.hear_until("stream_end")
    texts = [frame["chunk"] for frame in frames if frame["type"] == "stream_text"]
    assert texts == [claim, "The change may or may not have been made. Check the list before you ask again."]
    assert frames[-1]["mutations"] == []


async def test_a_read_that_is_late_changes_nothing(autojump_clock: MockClock) -> None:
    stack = memory_server()
    stack.model.answer(call("list_tasks"))
    stack.model.answer(text_block("I can't see your tasks."))
    async with stack.device(features=FEATURES) as socket:
        await asked(socket, home("what is due?"))
        await trio.sleep(31)
        frames = await socket.hear_until("stream_end")
    assert [frame["chunk"] for frame in frames if frame["type"] == "stream_text"] == ["I can't see your tasks."]


STATED = {"type": "tool_result", "ok": True, "tool": "create_task", "id": "t1", "data": ITEM}


async def test_a_change_of_a_call_that_is_not_known_any_more_is_recorded() -> None:
    stack, log = server()
    call_id, request_id = uuid4(), uuid4()
    async with stack.running(), stack.device() as other, stack.device(features=FEATURES) as socket:
        await socket.say(**STATED, call_id=call_id, request_id=request_id)
        assert await types(socket) == await types(other) == []
        (change, source, logged), *_ = log.held
        assert change == WsMutationRecord(op="create", entity="task", id="t1", data=ITEM)
        assert (source.mutation_id, source.request_id) == (call_id, request_id)
        logged(LoggedChange(7, is_new=True))
        told = await other.hear()
        assert (told["type"], told["id"], told["change"]) == ("mutation", "t1", 7)
        assert (await socket.hear_until("tool_ack"))[-1]["call_id"] == str(call_id)


@pytest.mark.parametrize(
    ("place", "answer"),
    [
        (LoggedChange(7, is_new=False), ["tool_ack"]),
        (LoggedChange(7, is_new=False, id_reused=True), ["error"]),
        (None, []),
    ],
    ids=["again", "id of another change", "not stored"],
)
async def test_a_stated_change_is_acknowledged_if_the_log_has_it(place: LoggedChange | None, answer: list[str]) -> None:
    stack, log = server()
    async with stack.running(), stack.device(features=FEATURES) as socket:
        await socket.say(**STATED, call_id=uuid4())
        await wait_all_tasks_blocked()
        log.held.pop()[2](place)
        assert await types(socket) == answer


async def test_a_stated_change_is_listed_in_the_result_of_its_request() -> None:
    stack = memory_server()
    stack.model.answer(text_block("Hm."))
    request = home("hello")
    async with stack.running(), stack.device(features=FEATURES) as socket:
        await socket.say(**request)
        await socket.hear_until("stream_end")
        await socket.say(**STATED, call_id=uuid4(), request_id=request["request_id"])
        await socket.hear_until("tool_ack")
        await wait_all_tasks_blocked()
        result = await stack.sessions.result(stack.user_id, request["request_id"])
    assert result is not None
    assert [change.id for change in result.mutations] == ["t1"]


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"tool": "create_task"},
        {"tool": "create_task", "id": "t2"},  # not the item in the result
        {"tool": "list_tasks", "id": "t1"},
        {"tool": "create_rocket", "id": "t1"},
        {"tool": "create_task", "id": "t1", "ok": False, "error": {"code": "denied", "message": "no"}},
    ],
)
async def test_a_result_that_is_no_change_of_a_known_call_is_refused(stated: dict[str, Any]) -> None:
    stack, log = server()
    async with stack.running(), stack.device(features=FEATURES) as socket:
        await socket.say(**{"type": "tool_result", "call_id": uuid4(), "ok": True, "data": ITEM} | stated)
        told = await socket.hear()
        assert (told["type"], told["code"]) == ("error", "unknown_call")
        assert await types(socket) == []
        assert log.held == []


async def test_a_device_can_not_answer_an_open_call_of_another_device() -> None:
    stack, log = server()
    async with stack.running(), stack.device(features=FEATURES) as other, stack.device(features=FEATURES) as socket:
        call_id = await asked(socket, home("create a task"))
        await other.say(**STATED, call_id=call_id)
        assert (await other.hear())["code"] == "unknown_call"
        assert log.held == []
        await socket.say(**STATED, call_id=call_id)
        await wait_all_tasks_blocked()
        assert len(log.held) == 1


async def test_a_second_result_of_a_call_that_changed_nothing_is_acknowledged_again() -> None:
    stack, _ = server()
    async with stack.running(), stack.device(features=FEATURES) as socket:
        call_id = await asked(socket, home("create a task"))
        for _ in range(2):
            denied = {"code": "denied", "message": "no"}
            await socket.say(type="tool_result", call_id=call_id, ok=False, error=denied)
            assert await types(socket) == ["tool_ack"]
