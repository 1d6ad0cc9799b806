"""Approvals on the user's other devices: asked, answered, closed, sent again; and no call is ever run twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from agents.limits import AgentLimits
from tests.server.memory_server import MemoryServer, memory_server
from tests.server.memory_socket import MemorySocket
from tests.server.scripted_model import call, text_block
from tests.server.sessions.resuming_client import home

FEATURES = ["ledger", "approvals"]
DELETED = {"id": "t1"}


@dataclass
class Asked:
    """A request that waits for the approval of `call` on the device `owner`; `others` were asked too."""

    stack: MemoryServer
    owner: MemorySocket
    others: list[MemorySocket]
    call: dict[str, Any]
    owner_id: str
    first_id: str = ""
    second_id: str = ""

    @property
    def call_id(self) -> str:
        return str(self.call["call_id"])

    async def approve(self, socket: MemorySocket, *, approved: bool = True, **fields: Any) -> None:
        await socket.say(type="approval", call_id=self.call_id, approved=approved, **fields)

    async def answer(self, call_id: str, **result: Any) -> None:
        await self.owner.say(type="tool_result", call_id=call_id, **result)

    async def fail(self, call_id: str, code: str) -> None:
        await self.answer(call_id, ok=False, error={"code": code, "message": code})

    async def withdrawn(self) -> None:
        """The owner is asked to confirm that it has not started the call."""
        frame = (await self.owner.hear_until("tool_cancel"))[-1]
        assert (frame["call_id"], frame["confirm"]) == (self.call_id, True)

    async def closed(self, outcome: str, device_id: str | None) -> None:
        """Every other device is told the outcome."""
        for socket in self.others:
            frame = await socket.hear()
            assert (frame["type"], frame["call_id"], frame["outcome"]) == ("approval_closed", self.call_id, outcome)
            assert frame.get("device_id") == device_id

    async def end(self) -> dict[str, Any]:
        end = (await self.owner.hear_until("stream_end"))[-1]
        assert not len(self.stack.registry.approvals)
        return end

    def told(self) -> str:
        """What the model was told about the call."""
        return str([message.content for message in self.stack.model.requests[-1].messages if message.role == "tool"])


@asynccontextmanager
async def asked(
    others: int = 1, *, owner_features: list[str] = FEATURES, creates: bool = False
) -> AsyncIterator[Asked]:
    """A device asks for the approval of a delete, or of a create: this server is configured to ask for it, too."""
    stack = MemoryServer(agent_limits=AgentLimits(approval_tools=frozenset({"create_task"})))
    stack.model.answer(call("create_task", title="Walk") if creates else call("delete_task", id="t1"))
    stack.model.answer(text_block("Well."))
    ids = [uuid4() for _ in range(others + 1)]
    async with AsyncExitStack() as devices:
        await devices.enter_async_context(stack.running())
        owner = await devices.enter_async_context(stack.device(device_id=ids[0], features=owner_features))
        sockets = [
            await devices.enter_async_context(stack.device(device_id=device_id, features=FEATURES))
            for device_id in ids[1:]
        ]
        await owner.say(**home())
        frame = (await owner.hear_until("tool_call"))[-1]
        assert frame["requires_approval"]
        yield Asked(stack, owner, sockets, frame, *map(str, ids))


async def hear_request(about: Asked) -> None:
    for socket in about.others:
        request = await socket.hear()
        assert request["type"] == "approval_request"
        for name in ("call_id", "request_id", "tool", "args"):
            assert request[name] == about.call[name]
        assert 0 < request["expires_ms"] <= 120_000


async def test_another_device_approves_and_the_owner_runs_a_new_call() -> None:
    async with asked(2) as about:
        await hear_request(about)
        await about.approve(about.others[0])
        await about.withdrawn()
        await about.approve(about.others[1], approved=False)
        late = await about.others[1].hear()
        assert (late["type"], late["code"], late["call_id"]) == ("error", "unknown_call", about.call_id)
        await about.fail(about.call_id, "not_started")
        again = (await about.owner.hear_until("tool_call"))[-1]
        assert again["call_id"] != about.call_id
        assert (again["tool"], again["args"]) == (about.call["tool"], about.call["args"])
        assert (again["requires_approval"], again["request_id"]) == (False, about.call["request_id"])
        await about.closed("approved", about.first_id)
        await about.answer(again["call_id"], ok=True, data=DELETED)
        await about.owner.hear_until("tool_ack", call_id=again["call_id"])
        assert [change["id"] for change in (await about.end())["mutations"]] == ["t1"]


async def test_a_withdrawal_that_is_confirmed_twice_is_no_result_of_the_call() -> None:
    async with asked() as about:
        await hear_request(about)
        await about.approve(about.others[0])
        await about.withdrawn()
        await about.fail(about.call_id, "not_started")
        again = (await about.owner.hear_until("tool_call"))[-1]
        await about.fail(about.call_id, "not_started")
        await about.answer(again["call_id"], ok=True, data=DELETED)
        assert [change["id"] for change in (await about.end())["mutations"]] == ["t1"]


async def test_another_device_refuses() -> None:
    async with asked() as about:
        await hear_request(about)
        await about.approve(about.others[0], approved=False)
        await about.withdrawn()
        await about.fail(about.call_id, "not_started")
        await about.closed("denied", about.first_id)
        assert (await about.end())["mutations"] == []
        assert "refused" in about.told()


@pytest.mark.parametrize(
    ("edited", "created", "told"),
    [
        ({"data": {"title": "Run"}}, "Run", "Run"),
        ({"data": {"title": "Run", "priority": "none of these"}}, None, "priority"),
    ],
)
async def test_edited_arguments_are_checked_like_any_arguments(
    edited: dict[str, Any], created: str | None, told: str
) -> None:
    async with asked(creates=True) as about:
        await hear_request(about)
        await about.approve(about.others[0], edited_args=edited)
        await about.withdrawn()
        await about.fail(about.call_id, "not_started")
        await about.closed("approved", about.first_id)
        if created is not None:
            again = (await about.owner.hear_until("tool_call"))[-1]
            assert (again["requires_approval"], again["args"]["data"]["title"]) == (False, created)
            await about.answer(again["call_id"], ok=True, data={"id": "t9", **again["args"]["data"]})
        end = await about.end()
        assert [change["data"]["title"] for change in end["mutations"]] == ([] if created is None else [created])
        assert told in about.told()


@pytest.mark.parametrize("approved", [True, False], ids=["approves", "refuses"])
@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "not yet accepted"])
async def test_a_call_that_the_owner_has_started_at_the_same_time_runs_once(approved: bool, accepted: bool) -> None:
    async with asked() as about:
        await hear_request(about)
        await about.approve(about.others[0], approved=approved)
        await about.withdrawn()
        if accepted:
            await about.owner.say(type="tool_accepted", call_id=about.call_id)
            await about.closed("approved", about.owner_id)
        await about.answer(about.call_id, ok=True, data=DELETED)
        if not accepted:
            await about.closed("approved", about.owner_id)
        frames = await about.owner.hear_until("stream_end")
        assert "tool_call" not in [frame["type"] for frame in frames]
        assert [change["id"] for change in frames[-1]["mutations"]] == ["t1"]


@pytest.mark.parametrize("decision", ["denied", "edited"])
async def test_a_decision_of_the_owner_that_comes_second_does_not_count(decision: str) -> None:
    async with asked() as about:
        await hear_request(about)
        await about.approve(about.others[0])
        await about.withdrawn()
        if decision == "denied":
            await about.fail(about.call_id, "denied")
        else:
            await about.answer(about.call_id, ok=True, edited_args={"id": "t2"})
        again = (await about.owner.hear_until("tool_call"))[-1]
        assert again["args"] == {"id": "t1"}
        await about.closed("approved", about.first_id)
        await about.answer(again["call_id"], ok=True, data=DELETED)
        assert len((await about.end())["mutations"]) == 1


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ({"ok": True, "data": DELETED}, "approved"),
        ({"ok": True, "edited_args": {"id": "t1"}}, "approved"),
        ({"ok": False, "error": {"code": "denied", "message": "no"}}, "denied"),
        ({"ok": False, "error": {"code": "unsupported", "message": "no"}}, "cancelled"),
    ],
)
async def test_the_owner_answers_first(result: dict[str, Any], outcome: str) -> None:
    async with asked() as about:
        await hear_request(about)
        await about.answer(about.call_id, **result)
        await about.closed(outcome, about.owner_id)
        await about.approve(about.others[0])
        assert (await about.others[0].hear_until("error"))[-1]["code"] == "unknown_call"


async def test_a_call_that_the_owner_runs_can_no_longer_be_refused() -> None:
    async with asked() as about:
        await hear_request(about)
        await about.owner.say(type="tool_accepted", call_id=about.call_id)
        await about.closed("approved", about.owner_id)
        await about.approve(about.others[0], approved=False)
        assert (await about.others[0].hear_until("error"))[-1]["code"] == "unknown_call"
        await about.answer(about.call_id, ok=True, data=DELETED)
        assert len((await about.end())["mutations"]) == 1


async def test_an_approval_expires(autojump_clock: MockClock) -> None:
    async with asked() as about:
        await hear_request(about)
        await about.closed("expired", None)
        cancel = (await about.owner.hear_until("tool_cancel"))[-1]
        assert "confirm" not in cancel
        await about.end()
        assert "did not answer in time" in about.told()


async def test_a_withdrawal_that_is_never_confirmed_ends_with_the_deadline(autojump_clock: MockClock) -> None:
    async with asked() as about:
        await hear_request(about)
        await about.approve(about.others[0])
        await about.withdrawn()
        await about.closed("expired", None)
        assert (await about.end())["mutations"] == []
        assert "it may or may not have acted" in about.told()


async def test_a_cancelled_request_closes_its_approval() -> None:
    async with asked() as about:
        await hear_request(about)
        await about.owner.say(type="cancel", request_id=about.call["request_id"])
        await about.closed("cancelled", None)
        assert (await about.end())["status"] == "cancelled"


async def test_cancelling_after_an_approval_withdraws_the_new_call() -> None:
    async with asked() as about:
        await hear_request(about)
        await about.approve(about.others[0])
        await about.withdrawn()
        await about.fail(about.call_id, "not_started")
        again = (await about.owner.hear_until("tool_call"))[-1]
        await about.owner.say(type="cancel", request_id=about.call["request_id"])
        assert (await about.owner.hear_until("tool_cancel"))[-1]["call_id"] == again["call_id"]
        assert (await about.end())["status"] == "cancelled"


@pytest.mark.parametrize("text", ["not a result", "edited again"])
async def test_a_wrong_answer_to_the_new_call_fails_the_call(text: str) -> None:
    async with asked() as about:
        await about.approve(about.others[0])
        await about.withdrawn()
        await about.fail(about.call_id, "not_started")
        again = (await about.owner.hear_until("tool_call"))[-1]
        if text == "edited again":
            await about.answer(again["call_id"], ok=True, edited_args={"id": "t2"})
        else:
            await about.owner.say(type="tool_result", call_id=again["call_id"], ok="perhaps")
        assert (await about.end())["mutations"] == []
        assert ("not_asked" if text == "edited again" else "invalid_reply") in about.told()


async def test_only_other_devices_of_this_user_with_the_feature_are_asked() -> None:
    async with asked(1) as about:
        stack = about.stack
        async with stack.device() as plain, stack.device(user_id=uuid4(), features=FEATURES) as stranger:
            for socket in (plain, stranger):
                await about.approve(socket)
                assert (await socket.hear())["code"] == "unknown_call"
        await about.approve(about.owner)
        assert (await about.owner.hear())["code"] == "unknown_call"
        await hear_request(about)


async def test_a_client_that_can_not_confirm_is_not_answered_for() -> None:
    async with asked(owner_features=["ledger"]) as about:
        await about.approve(about.others[0])
        assert (await about.others[0].hear_until("error"))[-1]["code"] == "unknown_call"
        await about.answer(about.call_id, ok=True, data=DELETED)
        assert len((await about.end())["mutations"]) == 1


@pytest.mark.parametrize("resumes", [True, False], ids=["resumed", "new"])
async def test_an_open_approval_is_sent_again_and_a_device_that_connects_late_is_asked(resumes: bool) -> None:
    async with asked() as about:
        stack, device_id = about.stack, uuid4()
        async with stack.device(device_id=device_id, features=FEATURES) as late:
            assert (await late.hear())["call_id"] == about.call_id
        resume = (late.ready["session_id"], late.ready["seq"] + 1) if resumes else None
        async with stack.device(device_id=device_id, features=FEATURES, resume=resume) as late:
            assert late.ready["resume"] == ("resumed" if resumes else "new")
            again = await late.hear()
            assert (again["type"], again["call_id"]) == ("approval_request", about.call_id)
            await about.approve(late)
            await about.withdrawn()


async def test_what_was_closed_while_a_device_was_away_is_told_when_it_resumes() -> None:
    async with asked() as about:
        stack, device_id = about.stack, uuid4()
        async with stack.device(device_id=device_id, features=FEATURES) as away:
            request = await away.hear()
        await wait_all_tasks_blocked()
        await about.answer(about.call_id, ok=True, data=DELETED)
        await about.end()
        resume = away.ready["session_id"], request["seq"]
        async with stack.device(device_id=device_id, features=FEATURES, resume=resume) as away:
            closed = await away.hear()
            assert (closed["type"], closed["outcome"]) == ("approval_closed", "approved")


@pytest.mark.parametrize("knew", [False, True], ids=["never sent", "sent"])
async def test_an_owner_that_is_away_is_approved_for(knew: bool) -> None:
    stack = memory_server()
    owner_id = uuid4()
    stack.model.answer(call("list_tasks"))
    stack.model.answer(call("delete_task", id="t1"))
    stack.model.answer(text_block("Gone."))
    async with stack.running(), stack.device(features=FEATURES) as other:
        async with stack.device(device_id=owner_id, features=FEATURES) as owner:
            await owner.say(**home())
            listing = (await owner.hear_until("tool_call"))[-1]
            await owner.say(type="tool_result", call_id=listing["call_id"], ok=True, data={"items": [{"id": "t1"}]})
            processed = listing["seq"] + 1  # the acknowledgement
            if not knew:
                owner.hang_up()
            await wait_all_tasks_blocked()
        asked_for = await other.hear()
        await other.say(type="approval", call_id=asked_for["call_id"], approved=True)
        await wait_all_tasks_blocked()
        resume = owner.ready["session_id"], processed
        async with stack.device(device_id=owner_id, features=FEATURES, resume=resume) as owner:
            if knew:
                cancel = (await owner.hear_until("tool_cancel"))[-1]
                assert (cancel["call_id"], cancel["confirm"]) == (asked_for["call_id"], True)
                await owner.say(
                    type="tool_result",
                    call_id=asked_for["call_id"],
                    ok=False,
                    error={"code": "not_started", "message": ""},
                )
            made = (await owner.hear_until("tool_call"))[-1]
            assert (made["requires_approval"], made["call_id"] != asked_for["call_id"]) == (False, True)
            await owner.say(type="tool_result", call_id=made["call_id"], ok=True, data=DELETED)
            assert len((await owner.hear_until("stream_end"))[-1]["mutations"]) == 1


async def test_an_unconfirmed_withdrawal_is_sent_again() -> None:
    stack = memory_server()
    owner_id = uuid4()
    stack.model.answer(call("delete_task", id="t1"))
    stack.model.answer(text_block("Gone."))
    async with stack.running(), stack.device(features=FEATURES) as other:
        async with stack.device(device_id=owner_id, features=FEATURES) as owner:
            await owner.say(**home())
            await owner.hear_until("tool_call")
            await other.say(type="approval", call_id=(await other.hear())["call_id"], approved=True)
            cancel = (await owner.hear_until("tool_cancel"))[-1]
        resume = owner.ready["session_id"], cancel["seq"]  # processed; its confirmation was lost
        async with stack.device(device_id=owner_id, features=FEATURES, resume=resume) as owner:
            frames = await owner.hear_until("tool_cancel")
            assert frames[-1]["confirm"]
            assert "tool_call" not in [frame["type"] for frame in frames]
            await owner.say(type="tool_result", call_id=cancel["call_id"], ok=True, data=DELETED)  # it had run
            assert len((await owner.hear_until("stream_end"))[-1]["mutations"]) == 1


async def test_the_end_of_the_owners_session_closes_its_approvals(autojump_clock: MockClock) -> None:
    stack = memory_server(resume_grace_s=10)
    stack.model.answer(call("delete_task", id="t1"))
    async with stack.running(), stack.device(features=FEATURES) as other:
        async with stack.device(features=FEATURES) as owner:
            await owner.say(**home())
            await owner.hear_until("tool_call")
        assert [(await other.hear())["type"] for _ in range(2)] == ["approval_request", "approval_closed"]


async def test_an_owner_whose_new_client_can_not_confirm_closes_its_approvals() -> None:
    stack = memory_server()
    stack.model.answer(call("delete_task", id="t1"))
    owner_id = uuid4()
    async with stack.running(), stack.device(features=FEATURES) as other:
        async with stack.device(device_id=owner_id, features=FEATURES) as owner:
            await owner.say(**home())
            await owner.hear_until("tool_call")
        async with stack.device(device_id=owner_id, features=["ledger"]):
            assert [(await other.hear())["type"] for _ in range(2)] == ["approval_request", "approval_closed"]
