"""How a device answers tool calls and data requests, and applies changes of other devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
import trio

from client.terminal.calls import ToolError
from client.terminal.device import open_device
from streaming.wire import (
    WsAuthExpiring,
    WsClientMutation,
    WsDataRequest,
    WsDataResponse,
    WsHomeRequest,
    WsPopupRequest,
    WsScope,
    WsServerMutation,
    WsToolCall,
    WsToolCancel,
    WsToolResult,
)
from tests.client.peer import Peer, call, open_peer


async def echo(args: Mapping[str, Any]) -> Any:
    return {"echo": dict(args)}


async def test_tool_calls_run_concurrently() -> None:
    released = trio.Event()

    async def slow(args: Mapping[str, Any]) -> Any:
        await released.wait()
        return "slow"

    async def script(peer: Peer) -> None:
        slow_call, echo_call = call("slow", {}), call("echo", {"a": 1})
        await peer.send(slow_call, echo_call)
        first = await peer.expect(WsToolResult)
        assert (first.call_id, first.ok, first.data) == (echo_call.call_id, True, {"echo": {"a": 1}})
        released.set()
        second = await peer.expect(WsToolResult)
        assert (second.call_id, second.data) == (slow_call.call_id, "slow")
        await peer.send(WsAuthExpiring(in_s=1))

    async with open_peer(script) as url, open_device(url, "t", tools={"slow": slow, "echo": echo}) as device:
        assert isinstance(await device.receive(), WsAuthExpiring)


async def fails(args: Mapping[str, Any]) -> Any:
    raise RuntimeError("the secret of the house")


async def refuses(args: Mapping[str, Any]) -> Any:
    raise ToolError("not_found", "There is no such task.")


@pytest.mark.parametrize(
    ("asked", "approve", "code"),
    [
        (call("nothing", {}), None, "unknown_tool"),
        (call("refuses", {}), None, "not_found"),
        (call("fails", {}), None, "tool_failed"),
        (call("echo", {}, approval=True), None, "denied"),
        (call("echo", {}, approval=True), False, "denied"),
        (call("echo", {}, approval=True), True, None),
    ],
)
async def test_every_call_gets_one_result(asked: WsToolCall, approve: bool | None, code: str | None) -> None:
    results: list[WsToolResult] = []

    async def script(peer: Peer) -> None:
        await peer.send(asked)
        results.append(await peer.expect(WsToolResult))
        await peer.send(WsAuthExpiring(in_s=1))

    async def decide(request: WsToolCall) -> bool:
        assert request.call_id == asked.call_id
        return bool(approve)

    tools = {"echo": echo, "fails": fails, "refuses": refuses}
    async with (
        open_peer(script) as url,
        open_device(url, "t", tools=tools, on_approval=None if approve is None else decide) as device,
    ):
        await device.receive()
    (result,) = results
    assert result.call_id == asked.call_id
    assert result.ok is (code is None)
    assert (result.error.code if result.error else None) == code
    assert "secret" not in result.model_dump_json()


async def test_a_withdrawn_call_is_cancelled_and_not_answered() -> None:
    running, stopped = trio.Event(), trio.Event()

    async def endless(args: Mapping[str, Any]) -> Any:
        running.set()
        try:
            await trio.sleep_forever()
        finally:
            stopped.set()

    async def script(peer: Peer) -> None:
        asked = call("endless", {})
        await peer.send(asked)
        await running.wait()
        await peer.send(WsToolCancel(call_id=asked.call_id), WsToolCancel(call_id=uuid4()))
        await stopped.wait()
        await peer.send(call("echo", {}))
        assert (await peer.expect(WsToolResult)).data == {"echo": {}}
        await peer.send(WsAuthExpiring(in_s=1))

    async with open_peer(script) as url, open_device(url, "t", tools={"endless": endless, "echo": echo}) as device:
        await device.receive()


async def test_a_call_withdrawn_before_it_starts_is_stopped() -> None:
    running: set[int] = set()

    async def endless(args: Mapping[str, Any]) -> Any:
        running.add(args["number"])
        try:
            await trio.sleep_forever()
        finally:
            running.remove(args["number"])

    async def script(peer: Peer) -> None:
        for number in range(10):
            asked = call("endless", {"number": number})
            await peer.send(asked, WsToolCancel(call_id=asked.call_id))
        await peer.send(call("echo", {}))
        assert (await peer.expect(WsToolResult)).data == {"echo": {}}
        await peer.send(WsAuthExpiring(in_s=1))

    async with open_peer(script) as url, open_device(url, "t", tools={"endless": endless, "echo": echo}) as device:
        await device.receive()
        assert not running


async def test_a_call_past_its_deadline_is_not_answered() -> None:
    async def endless(args: Mapping[str, Any]) -> Any:
        await trio.sleep_forever()

    async def script(peer: Peer) -> None:
        await peer.send(call("endless", {}, deadline_ms=0), call("echo", {}))
        assert (await peer.expect(WsToolResult)).data == {"echo": {}}
        await peer.send(WsAuthExpiring(in_s=1))

    async with open_peer(script) as url, open_device(url, "t", tools={"endless": endless, "echo": echo}) as device:
        await device.receive()


async def test_data_requests_use_the_list_and_get_tools() -> None:
    seen: list[Mapping[str, Any]] = []

    async def get_note(args: Mapping[str, Any]) -> Any:
        if args["id"] != "n-1":
            raise ToolError("not_found", "no")
        return {"id": "n-1"}

    async def list_notes(args: Mapping[str, Any]) -> Any:
        seen.append(args)
        return {"items": [{"id": "n-1"}, {"id": "n-2"}]}

    async def ask(peer: Peer, identity: str | None) -> WsDataResponse:
        request = WsDataRequest(
            data_id=uuid4(), request_id=uuid4(), entity="note", id=identity, filter={"projectId": "p"}
        )
        await peer.send(request)
        response = await peer.expect(WsDataResponse)
        assert response.data_id == request.data_id
        return response

    async def script(peer: Peer) -> None:
        assert (await ask(peer, "n-1")).items == [{"id": "n-1"}]
        missing = await ask(peer, "n-9")
        assert missing.items is None
        assert missing.error is not None
        assert missing.error.code == "not_found"
        assert (await ask(peer, None)).items == [{"id": "n-1"}, {"id": "n-2"}]
        await peer.send(WsAuthExpiring(in_s=1))

    tools = {"get_note": get_note, "list_notes": list_notes}
    async with open_peer(script) as url, open_device(url, "t", tools=tools) as device:
        await device.receive()
    assert seen == [{"filter": {"projectId": "p"}}]


async def test_mutations_are_sent_and_received_in_order() -> None:
    heard: list[str] = []
    both = trio.Event()

    async def hear(change: WsServerMutation) -> None:
        await trio.lowlevel.checkpoint()
        heard.append(change.id)
        if len(heard) == 2:
            both.set()

    def change(identity: str) -> WsServerMutation:
        return WsServerMutation(
            op="delete", entity="task", id=identity, data=None, request_id=None, origin_device_id=None
        )

    async def script(peer: Peer) -> None:
        assert await peer.expect(WsClientMutation) == WsClientMutation(
            op="update", entity="task", id="t-1", data={"status": "done"}
        )
        await peer.send(change("a"), change("b"))

    async with open_peer(script) as url, open_device(url, "t", on_mutation=hear) as device:
        await device.mutate("update", "task", "t-1", {"status": "done"})
        await both.wait()
    assert heard == ["a", "b"]


CUT = "Buy \ud83d"  # a title that was cut inside an emoji


async def has_a_cut_title(args: Mapping[str, Any]) -> Any:
    return {"title": CUT, "items": [{CUT: float("nan")}]}


async def fails_with_a_cut_title(args: Mapping[str, Any]) -> Any:
    raise ToolError("not_found", f"There is no {CUT}.")


async def test_unpaired_surrogates_of_the_device_do_not_end_its_connection() -> None:
    tools = {"get_task": has_a_cut_title, "get_note": fails_with_a_cut_title}

    async def script(peer: Peer) -> None:
        assert (await peer.expect(WsClientMutation)).data == {"title": "Buy \ufffd"}
        assert (await peer.expect(WsHomeRequest)).message == "Buy \ufffd"
        assert (await peer.expect(WsPopupRequest)).message == "😀"
        await peer.send(call("get_task", {}))
        assert (await peer.expect(WsToolResult)).data == {"title": "Buy \ufffd", "items": [{"Buy \ufffd": None}]}
        await peer.send(call("get_note", {}))
        error = (await peer.expect(WsToolResult)).error
        assert error is not None
        assert error.message == "There is no Buy \ufffd."
        await peer.send(WsAuthExpiring(in_s=1))

    scope = WsScope(type="task", id="t1")
    async with open_peer(script) as url, open_device(url, "t", tools=tools) as device:
        await device.mutate("update", "task", "t1", {"title": CUT})
        await device.home(CUT)
        await device.popup("\ud83d\ude00", scope)
        assert isinstance(await device.receive(), WsAuthExpiring)
