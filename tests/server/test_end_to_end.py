"""A device, the server and a model over real sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import trio

from client.terminal.answer import RequestRefusedError
from client.terminal.connection import open_connection
from streaming.wire import WsError, WsPopupDomain, WsScope, WsStreamStart, WsStreamText
from streaming.wire.codes import ErrorCode
from tests.model_server import Close, Never, ReceivedRequest, Step, Wait, error_status, text, text_stream, tool_calls
from tests.server.conversation import TASKS, chat, create_then_say, first_text, list_tasks
from tests.server.memory_server import hello
from tests.server.tessera import last_user_message, open_tessera, text_block, tool_messages


async def test_connect_ask_and_see_text_stream(database: str) -> None:
    async with open_tessera(database) as tessera, tessera.device() as device:
        go_on = trio.Event()
        tessera.script(lambda _: [*text('[{"type":"text","content":"Good '), Wait(go_on), *text_stream('day"}]')])
        answer = await device.home("hello")
        frames = [await anext(answer), await anext(answer)]
        # The first word is here while the model is still writing.
        assert isinstance(frames[0], WsStreamStart)
        assert isinstance(frames[1], WsStreamText)
        assert frames[1].chunk == "Good "
        go_on.set()
        end = await answer.finish()
        assert (answer.text, end.status) == ("Good day", "completed")


async def test_a_home_request_with_a_tool_round_trip(database: str) -> None:
    def model(request: ReceivedRequest) -> list[Step]:
        if not tool_messages(request):
            return tool_calls(("list_tasks", {"status": "todo"}), usage=(50, 5))
        assert "Write the report" in tool_messages(request)[0]
        blocks = [
            {"type": "text", "content": "Two tasks:"},
            {"type": "entity_ref", "entity": "task"},
            {"type": "table", "headers": ["Title", "Status"], "rows": [["Call Ann", "done"]]},
            {"type": "chart", "chartType": "nonsense", "title": "?", "data": [], "config": {}},
            {"type": "text", "content": "That is all."},
        ]
        return text_stream(json.dumps(blocks), usage=(100, 20))

    async with open_tessera(database) as tessera, tessera.device(tools={"list_tasks": list_tasks}) as device:
        tessera.script(model)
        answer = await device.home("what should I do?")
        end = await answer.finish()
        assert end.status == "completed"
        assert end.usage is not None
        # One tool round, the answer, and one repair of its chart, which is still invalid after it: a sentence says so.
        assert (end.usage.input_tokens, end.usage.output_tokens) == (251, 46)
        assert answer.text.split("\n\n") == ["Two tasks:", "That is all.", 'A chart "?" could not be shown.']
        reference, table = answer.blocks
        assert (reference.block, reference.block_type, reference.data["items"]) == (1, "entity_ref", TASKS)
        assert (table.block, table.data) == (2, {"headers": ["Title", "Status"], "rows": [["Call Ann", "done"]]})


async def test_a_popup_is_text_only_and_names_its_domain_first(database: str) -> None:
    async def project(args: Mapping[str, Any]) -> Any:
        return {"id": args["id"], "name": "Orion", "status": "active"}

    async with open_tessera(database) as tessera, tessera.device(tools={"get_project": project}) as device:
        tessera.script(lambda _: text_stream("Orion is ", "on track."))
        answer = await device.popup("how is it?", WsScope(type="project", id="p1"))
        first = await anext(answer)
        assert isinstance(first, WsPopupDomain)
        assert first.domain == "projects"
        assert (await answer.finish()).status == "completed"
        assert (answer.text, answer.blocks) == ("Orion is on track.", [])
        (asked,) = tessera.model.requests
        assert "Orion" in json.dumps(asked.body["messages"]), "the scope was not resolved before the model was asked"


async def test_eight_requests_interleave_and_each_keeps_its_order(database: str) -> None:
    turns = [trio.Event() for _ in range(4)]

    def model(request: ReceivedRequest) -> list[Step]:
        name = last_user_message(request).split()[-1]
        steps: list[Step] = [*text('[{"type":"text","content":"')]
        for turn, event in enumerate(turns):
            steps += [Wait(event), *text(f"{name}:{turn} ")]
        return [*steps, *text_stream('"}]')]

    async with open_tessera(database) as tessera, tessera.device() as device:
        tessera.script(model)
        answers = {f"r{number}": await device.home(f"say r{number}") for number in range(8)}
        seen: dict[str, list[int]] = {name: [] for name in answers}
        # Each turn begins when all eight requests have shown the one before: no request waits for another to end.
        for event in turns:
            event.set()
            for name, answer in answers.items():
                seen[name].append((await first_text(answer)).seq)
        for name, answer in answers.items():
            assert (await answer.finish()).status == "completed"
            assert answer.text == "".join(f"{name}:{turn} " for turn in range(4))
        assert all(numbers == sorted(numbers) for numbers in seen.values())
        order = sorted((number, name) for name, numbers in seen.items() for number in numbers)
        assert len({name for _, name in order[:8]}) == 8


@pytest.mark.parametrize("tokens", [0, 3])
async def test_a_cancel_closes_the_model_connection_before_the_end_is_sent(database: str, tokens: int) -> None:
    async with open_tessera(database) as tessera, tessera.device() as device:
        tessera.script(lambda _: [*text('[{"type":"text","content":"', *["word "] * tokens), Never()])
        answer = await device.home("hello")
        if tokens:
            await first_text(answer)
        else:
            await anext(answer)
        while not tessera.answers():
            await tessera.model.wait_request(len(tessera.model.requests))
        connection = tessera.answers()[0].connection
        assert not connection.closed.is_set()
        await answer.cancel()
        end = await answer.finish()
        assert end.status == "cancelled"
        with trio.fail_after(60):
            await connection.closed.wait()
        # Nothing of the request follows its end, and its id is no longer known.
        await device.cancel(answer.request_id)
        notice = await device.receive()
        assert isinstance(notice, WsError)
        assert notice.code is ErrorCode.UNKNOWN_REQUEST


async def test_a_client_that_vanishes_in_mid_stream_leaves_nothing_running(database: str) -> None:
    async with open_tessera(database, resume_grace_s=1) as tessera:
        tessera.script(lambda _: [*text('[{"type":"text","content":"word '), Never()])
        async with tessera.device() as device:
            await first_text(await device.home("hello"))
            connection = tessera.answers()[0].connection
            await device.vanish()
        with trio.fail_after(60):
            await connection.closed.wait()
        async with tessera.device() as device:
            tessera.script(lambda _: text_block("still ", "here"))
            assert (await (await device.home("hello")).finish()).status == "completed"


async def test_a_failed_request_leaves_its_sibling_untouched(database: str) -> None:
    go_on = trio.Event()

    def model(request: ReceivedRequest) -> list[Step]:
        if "break" in last_user_message(request):
            return [*text('[{"type":"text","content":"half '), Close()]
        return [*text('[{"type":"text","content":"Slow '), Wait(go_on), *text_stream('but whole"}]')]

    async with open_tessera(database) as tessera, tessera.device() as device:
        tessera.script(model)
        slow = await device.home("take your time")
        await first_text(slow)
        broken = await device.home("break")
        end = await broken.finish()
        assert end.status == "failed"
        assert end.error is not None
        assert end.error.code is ErrorCode.MODEL_CUT
        assert broken.text == "half "
        go_on.set()
        assert (await slow.finish()).status == "completed"
        assert slow.text == "Slow but whole"


async def test_a_model_that_refuses_is_a_failed_request(database: str) -> None:
    async with open_tessera(database) as tessera, tessera.device() as device:
        tessera.script(lambda _: error_status(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}))
        end = await (await device.home("hello")).finish()
        assert (end.status, end.error and end.error.code) == ("failed", ErrorCode.MODEL_UNAVAILABLE)
        assert end.error is not None
        assert end.error.retryable
        assert "slow down" not in end.error.message


async def test_a_spent_budget_refuses_before_the_model_is_called(database: str) -> None:
    async with open_tessera(database, max_tokens_per_user_day=10) as tessera:
        account = await tessera.account()
        async with tessera.device(account) as device, httpx.AsyncClient(trust_env=False) as http:
            tessera.script(lambda _: text_block("a ", "b ", "c ", "d "))  # 11 tokens
            assert (await (await device.home("hello")).finish()).status == "completed"
            calls = len(tessera.model.requests)
            with pytest.raises(RequestRefusedError) as refused:
                await (await device.home("again")).finish()
            assert refused.value.code is ErrorCode.BUDGET_SPENT
            answer = await http.post(
                f"{tessera.rest_url}/api/v1/chat",
                json={"message": "again"},
                headers={"Authorization": f"Bearer {account.access_token}"},
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "budget_spent")
            assert len(tessera.model.requests) == calls


async def test_concurrent_requests_of_two_devices_of_one_user_stay_apart(database: str) -> None:
    """Each device asks and serves its own tools. A mutation of one reaches the other and is not echoed."""
    heard: dict[str, list[str]] = {"a": [], "b": []}
    both_asked = trio.Event()
    waiting: list[str] = []

    def device_named(name: str) -> dict[str, Any]:
        async def create_task(args: Mapping[str, Any]) -> Any:
            # Both calls are open before either is answered.
            waiting.append(name)
            if len(waiting) == 2:
                both_asked.set()
            await both_asked.wait()
            return {"id": f"made-on-{name}", **args["data"]}

        async def on_mutation(frame: Any) -> None:
            heard[name].append(frame.id)

        return {"tools": {"create_task": create_task}, "on_mutation": on_mutation}

    async with open_tessera(database) as tessera:
        tessera.script(create_then_say)
        account = await tessera.account()
        async with (
            tessera.device(account, **device_named("a")) as a,
            tessera.device(account, **device_named("b")) as b,
            tessera.device(**device_named("stranger")) as stranger,
        ):
            answers = [await a.home("add a task"), await b.home("add a task")]
            ends = [await answer.finish() for answer in answers]
            for device in (a, b, stranger):
                await device.ping()
    assert [[mutation.id for mutation in end.mutations] for end in ends] == [["made-on-a"], ["made-on-b"]]
    assert heard == {"a": ["made-on-b"], "b": ["made-on-a"]}


async def test_a_device_that_disappears_between_call_and_result(database: str) -> None:
    async with open_tessera(database, resume_grace_s=0.2) as tessera:
        tessera.script(lambda request: text_block("gone") if tool_messages(request) else tool_calls(("list_tasks", {})))
        account = await tessera.account()
        asked = trio.Event()

        async def silent(args: Mapping[str, Any]) -> Any:
            asked.set()
            await trio.sleep_forever()

        results: list[httpx.Response] = []

        async def ask() -> None:
            results.append(await chat(tessera, account.access_token, message="what is due?"))

        async with trio.open_nursery() as nursery, tessera.device(account, tools={"list_tasks": silent}) as device:
            nursery.start_soon(ask)
            await asked.wait()
            await device.vanish()
        assert "device_gone" in tool_messages(tessera.answers()[-1])[0]
        assert results[0].json()["blocks"] == [{"block": 0, "type": "text", "content": "gone"}]


async def test_model_streams_are_recorded_where_the_setting_says(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "streams"
    async with (
        open_tessera(database, record_dir=folder, record_contents="true") as tessera,
        tessera.device() as device,
    ):
        tessera.script(lambda _: text_block("word"))
        await (await device.home("hello")).finish()
    assert sum("word" in text for text in written(folder)) == 1


def written(folder: Path) -> list[str]:
    return [path.read_text() for path in folder.iterdir()]


async def test_a_cancel_during_three_tool_calls_withdraws_them_then_ends_the_request(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(lambda _: tool_calls(("list_tasks", {}), ("list_notes", {}), ("list_projects", {})))
        token = (await tessera.account()).access_token
        async with open_connection(tessera.ws_url) as socket:
            request_id = str(uuid4())
            await socket.send_raw(json.dumps(hello(token)))
            await socket.send_raw(json.dumps({"type": "home_request", "request_id": request_id, "message": "all"}))
            heard: list[dict[str, Any]] = []
            with trio.fail_after(30):
                while sum(frame["type"] == "tool_call" for frame in heard) < 3:
                    heard.append(json.loads(await socket.receive_raw()))
                await socket.send_raw(json.dumps({"type": "cancel", "request_id": request_id}))
                await socket.send_raw('{"type":"ping"}')
                after: list[dict[str, Any]] = []
                while {"pong", "stream_end"} - {frame["type"] for frame in after}:
                    after.append(json.loads(await socket.receive_raw()))
                await socket.send_raw('{"type":"ping"}')
                after.append(json.loads(await socket.receive_raw()))
    calls = {frame["call_id"] for frame in heard if frame["type"] == "tool_call"}
    own = [frame for frame in after if frame["type"] != "pong"]
    assert [frame["type"] for frame in own] == ["tool_cancel"] * 3 + ["stream_end"]
    assert {frame["call_id"] for frame in own[:3]} == calls
    assert own[-1]["status"] == "cancelled"
