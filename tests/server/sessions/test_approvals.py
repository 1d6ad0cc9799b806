"""Approvals on the user's other devices: asked, answered, closed, sent again; and no call is ever run twice."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

from tests.server.sessions.asked_devices import DELETED, asked, hear_request


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
        assert "may or may not have been made" in about.told()


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
