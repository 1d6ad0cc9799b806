"""Approvals over real sockets: requested, refused, edited, not answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio

from person import Sentences
from tests.model_server import ReceivedRequest, Step, tool_calls
from tests.server.conversation import create_then_say
from tests.server.tessera import open_tessera, text_block, tool_messages


async def test_the_person_is_asked_for_approval(database: str) -> None:
    deleted: list[str] = []

    async def delete_task(args: Mapping[str, Any]) -> Any:
        deleted.append(str(args["id"]))
        return {"id": args["id"]}

    async def refuse(call: Any) -> bool:
        assert call.requires_approval
        return False

    def model(request: ReceivedRequest) -> list[Step]:
        if results := tool_messages(request):
            return text_block("refused " if "denied" in results[0] else "gone ")
        return tool_calls(("delete_task", {"id": "t1"}))

    async with open_tessera(database) as tessera:
        tessera.script(model)
        async with tessera.device(tools={"delete_task": delete_task}, on_approval=refuse) as device:
            answer = await device.home("delete the task Run")
            end = await answer.finish()
        assert (answer.text, end.mutations, deleted) == ("refused \n\nNothing was changed.", [], [])


@pytest.mark.parametrize(
    ("edited", "said", "created"),
    [
        ({"data": {"title": "Run", "priority": "high"}}, "result True valid", [{"title": "Run", "priority": "high"}]),
        ({"data": {"title": "Run", "priority": "none of these"}}, "result False invalid\n\nNothing was changed.", []),
    ],
)
async def test_an_approval_may_edit_the_arguments_and_the_server_checks_them(
    database: str, edited: dict[str, Any], said: str, created: list[dict[str, Any]]
) -> None:
    ran: list[Mapping[str, Any]] = []
    asked: list[bool] = []

    async def create_task(args: Mapping[str, Any]) -> Any:
        ran.append(args["data"])
        return {"id": "t9", **args["data"]}

    async def edit(call: Any) -> Mapping[str, Any]:
        asked.append(call.requires_approval)
        return edited

    async with open_tessera(database, approval_tools="create_task") as tessera:
        tessera.script(create_then_say)
        async with tessera.device(tools={"create_task": create_task}, on_approval=edit) as device:
            answer = await device.home("add a task")
            end = await answer.finish()
    assert (answer.text, ran, asked) == (said, created, [True])
    assert [mutation.data for mutation in end.mutations] == [{"id": "t9", **data} for data in created]


async def test_an_approval_without_an_answer_times_out_and_is_withdrawn(database: str) -> None:
    withdrawn = trio.Event()

    async def delete_task(args: Mapping[str, Any]) -> Any:
        raise AssertionError("nobody approved the call")

    async def never(call: Any) -> bool:
        try:
            await trio.sleep_forever()
        finally:
            withdrawn.set()

    def model(request: ReceivedRequest) -> list[Step]:
        if results := tool_messages(request):
            return text_block("late " if "deadline" in results[0] else "other ")
        return tool_calls(("delete_task", {"id": "t1"}))

    async with open_tessera(database, approval_timeout_s=1) as tessera:
        tessera.script(model)
        # A device refuses a call of a tool that it lacks, without asking the person.
        async with tessera.device(tools={"delete_task": delete_task}, on_approval=never) as device:
            answer = await device.home("delete the task Run")
            end = await answer.finish()
            with trio.fail_after(60):
                await withdrawn.wait()
    # The device did not say that it had not begun: the server can't be sure.
    assert answer.text == "late \n\n" + Sentences.of("en").say("answer.uncertain")
    assert end.mutations == []
