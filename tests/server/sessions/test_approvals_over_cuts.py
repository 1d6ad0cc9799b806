"""Approvals while devices connect late, are away, or can't confirm a withdrawal."""

from __future__ import annotations

from uuid import uuid4

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.server.memory_server import memory_server
from tests.server.scripted_model import call, text_block
from tests.server.sessions.asked_devices import DELETED, FEATURES, asked, hear_request
from tests.server.sessions.resuming_client import home


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
