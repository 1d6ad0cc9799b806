"""A device against a scripted server, over real sockets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import trio

from client.terminal.answer import RequestRefusedError
from client.terminal.calls import ToolError
from client.terminal.connection import Device, open_device
from client.terminal.wire import ConnectError, ConnectionLostError, ProtocolError, open_connection
from streaming.codes import ErrorCode
from streaming.frames import (
    WsAuthExpiring,
    WsCancel,
    WsClientMutation,
    WsDataRequest,
    WsDataResponse,
    WsError,
    WsHomeRequest,
    WsPing,
    WsPong,
    WsPopupDomain,
    WsPopupRequest,
    WsScope,
    WsServerMutation,
    WsStreamText,
    WsToolCall,
    WsToolCancel,
    WsToolResult,
)
from tests.client.peer import Peer, call, end, open_peer, start, text


async def echo(args: Mapping[str, Any]) -> Any:
    return {"echo": dict(args)}


async def test_hello_says_who_the_device_is_and_ready_comes_back() -> None:
    hellos = []

    async def script(peer: Peer) -> None:
        hellos.append((peer.hello, peer.headers.get(b"authorization")))

    identity = uuid4()
    async with open_peer(script) as url:
        async with open_device(url, "secret", device_id=identity) as device:
            assert device.ready.seq == 1
        async with open_device(url, "secret", device_id=identity, bearer=True):
            pass
    (in_hello, no_header), (without, header) = hellos
    assert in_hello is not None
    assert without is not None
    assert (in_hello.token, no_header, in_hello.device_id, in_hello.protocol_versions) == (
        "secret",
        None,
        identity,
        [3],
    )
    assert (without.token, header) == (None, b"Bearer secret")


async def test_two_answers_interleave_and_keep_their_order() -> None:
    async def script(peer: Peer) -> None:
        home = await peer.expect(WsHomeRequest)
        popup = await peer.expect(WsPopupRequest)
        assert popup.request_id is not None
        assert popup.scope == WsScope(type="note", id="n-1")
        await peer.send(
            start(home.request_id),
            WsPopupDomain(request_id=popup.request_id, domain="notes"),
            text(popup.request_id, "po"),
            text(home.request_id, "ho"),
            text(popup.request_id, "pup"),
            text(home.request_id, "me"),
            text(home.request_id, "second", block=2),
            end(popup.request_id),
            end(home.request_id),
        )

    async with open_peer(script) as url, open_device(url, "t") as device:
        home = await device.home("hello")
        popup = await device.popup("what is this?", WsScope(type="note", id="n-1"))
        assert (await home.finish()).status == "completed"
        assert (await popup.finish()).status == "completed"
        assert home.text == "home\n\nsecond"
        assert popup.text == "popup"
        assert [frame.type for frame in popup.frames] == ["popup_domain", "stream_text", "stream_text", "stream_end"]


async def test_cancel_names_the_request_and_the_answer_ends_cancelled() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.expect(WsHomeRequest)
        await peer.send(start(request.request_id), text(request.request_id, "begun"))
        assert (await peer.expect(WsCancel)).request_id == request.request_id
        await peer.send(end(request.request_id, "cancelled"))

    async with open_peer(script) as url, open_device(url, "t") as device:
        answer = await device.home("hello")
        async for frame in answer:
            if isinstance(frame, WsStreamText):
                await answer.cancel()
        assert answer.end is not None
        assert answer.end.status == "cancelled"


async def test_frames_after_the_end_of_a_request_are_not_hidden() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.expect(WsHomeRequest)
        await peer.send(end(request.request_id), text(request.request_id, "too late"))

    async with open_peer(script) as url, open_device(url, "t") as device:
        await (await device.home("hello")).finish()
        late = await device.receive()
        assert isinstance(late, WsStreamText)


async def test_a_refused_request_raises_and_others_go_on() -> None:
    async def script(peer: Peer) -> None:
        first, second = await peer.expect(WsHomeRequest), await peer.expect(WsHomeRequest)
        await peer.send(
            WsError(code=ErrorCode.TOO_MANY_REQUESTS, message="wait", retryable=True, request_id=second.request_id),
            start(first.request_id),
            end(first.request_id),
        )

    async with open_peer(script) as url, open_device(url, "t") as device:
        first, second = await device.home("one"), await device.home("two")
        with pytest.raises(RequestRefusedError) as caught:
            await second.finish()
        assert caught.value.code is ErrorCode.TOO_MANY_REQUESTS
        assert (await first.finish()).status == "completed"


async def test_a_duplicate_of_a_running_request_does_not_end_it() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.expect(WsHomeRequest)
        await peer.expect(WsHomeRequest)
        await peer.send(
            WsError(code=ErrorCode.DUPLICATE_REQUEST, message="again", request_id=request.request_id),
            end(request.request_id),
        )

    async with open_peer(script) as url, open_device(url, "t") as device:
        answer = await device.home("one")
        await device.send(WsHomeRequest(message="one", request_id=answer.request_id, session_id=None))
        error = await device.receive()
        assert isinstance(error, WsError)
        assert (await answer.finish()).status == "completed"


async def test_a_chosen_id_that_the_server_knows_is_refused() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.expect(WsHomeRequest)
        await peer.send(WsError(code=ErrorCode.DUPLICATE_REQUEST, message="again", request_id=request.request_id))

    async with open_peer(script) as url, open_device(url, "t") as device:
        answer = await device.home("one", request_id=uuid4())
        with pytest.raises(ValueError, match="running already"):
            await device.home("one", request_id=answer.request_id)
        with pytest.raises(RequestRefusedError):
            await answer.finish()


async def test_tool_calls_run_side_by_side() -> None:
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


async def test_a_withdrawn_call_is_stopped_and_not_answered() -> None:
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


async def test_a_call_withdrawn_in_the_same_breath_is_stopped_too() -> None:
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


async def test_mutations_go_both_ways_in_order() -> None:
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


async def test_ping_waits_for_its_pong() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect(WsPing)
        await peer.send(WsPong())

    async with open_peer(script) as url, open_device(url, "t") as device:
        await device.ping()


@pytest.mark.parametrize("code", [4001, 4510, 1011])
async def test_a_close_ends_everything_that_waits(code: int) -> None:
    async def script(peer: Peer) -> None:
        request = await peer.expect(WsHomeRequest)
        await peer.expect(WsPing)
        await peer.send(start(request.request_id))
        await peer.socket.aclose(code, "bye")

    async with open_peer(script) as url, open_device(url, "t") as device:
        answer = await device.home("hello")
        with pytest.raises(ConnectionLostError):
            await device.ping()
        with pytest.raises(ConnectionLostError) as caught:
            await answer.finish()
        assert (caught.value.code, caught.value.reason) == (code, "bye")
        assert [frame.type for frame in answer.frames] == ["stream_start"]
        with pytest.raises(ConnectionLostError):
            await device.receive()
        with pytest.raises(ConnectionLostError):
            await device.home("again")
        loss = await device.wait_closed()
        assert isinstance(loss, ConnectionLostError)
        assert loss.code == code


async def test_a_refused_hello_says_the_close_code() -> None:
    async def script(peer: Peer) -> None:
        await peer.receive()
        await peer.socket.aclose(4501, "unauthorized")

    async with open_peer(script, greet=False) as url:
        with pytest.raises(ConnectionLostError) as caught:
            async with open_device(url, "wrong"):
                pytest.fail("the device was let in")
        assert caught.value.code == 4501


async def test_nothing_listens() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(ConnectError, match="cannot be reached"):
        async with open_connection(f"ws://127.0.0.1:{port}/"):
            pytest.fail("connected to nothing")


async def test_an_http_refusal_of_the_upgrade() -> None:
    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, refuse, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(ConnectError, match="404"):
            async with open_connection(f"ws://127.0.0.1:{port}/"):
                pytest.fail("connected to a refusal")
        nursery.cancel_scope.cancel()


async def test_the_blocks_exception_is_not_wrapped() -> None:
    async def script(peer: Peer) -> None:
        await peer.wait_closed()

    async with open_peer(script) as url:
        with pytest.raises(LookupError, match="mine"):
            async with open_device(url, "t"):
                raise LookupError("mine")


async def test_leaving_the_block_sends_what_was_handed_over_and_closes() -> None:
    received: list[str] = []
    codes: list[int] = []
    done = trio.Event()

    async def script(peer: Peer) -> None:
        received.append((await peer.expect(WsClientMutation)).id)
        codes.append(await peer.wait_closed())
        done.set()

    async with open_peer(script) as url:
        async with open_device(url, "t") as device:
            await device.mutate("delete", "task", "t-1")
        await done.wait()
    assert (received, codes) == (["t-1"], [1000])


async def test_vanishing_sends_no_close_frame() -> None:
    codes: list[int] = []
    done = trio.Event()

    async def script(peer: Peer) -> None:
        codes.append(await peer.wait_closed())
        done.set()

    async with open_peer(script) as url, open_device(url, "t") as device:
        await device.vanish()
        loss = await device.wait_closed()
        assert isinstance(loss, ConnectionLostError)
        await done.wait()
    assert codes == [1006]


@pytest.mark.parametrize("raw", ["no json", '{"type":"pong","seq":7}', '{"type":"stream_text","seq":2}'])
async def test_a_server_that_breaks_the_protocol_is_told_so(raw: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.socket.send_message(raw)
        assert await peer.wait_closed() == 1002

    async with open_peer(script) as url, open_device(url, "t") as device:
        with pytest.raises(ProtocolError):
            await device.receive()


async def test_frame_types_of_a_newer_server_are_passed_over() -> None:
    async def script(peer: Peer) -> None:
        await peer.socket.send_message('{"type":"confetti","seq":2}')
        await peer.socket.send_message('{"type":"auth_expiring","seq":3,"in_s":60}')

    async with open_peer(script) as url, open_device(url, "t") as device:
        assert isinstance(await device.receive(), WsAuthExpiring)


async def test_unread_news_is_bounded() -> None:
    async def script(peer: Peer) -> None:
        for number in range(1005):
            await peer.send(WsAuthExpiring(in_s=number))
        await peer.expect(WsPing)
        await peer.send(WsPong())

    async with open_peer(script) as url, open_device(url, "t") as device:
        await device.ping()
        oldest = await device.receive()
        assert isinstance(oldest, WsAuthExpiring)
        assert oldest.in_s == 5


async def test_raw_frames_can_be_sent_by_many_tasks(nursery: trio.Nursery) -> None:
    seen: set[str] = set()

    async def script(peer: Peer) -> None:
        seen.update([str(await peer.socket.get_message()) for _ in range(20)])
        await peer.send(WsAuthExpiring(in_s=1))

    async def shout(device: Device, number: int) -> None:
        await device.send_raw(f"not a frame {number}")

    async with open_peer(script) as url, open_device(url, "t") as device:
        for number in range(20):
            nursery.start_soon(shout, device, number)
        await device.receive()
    assert len(seen) == 20


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def silent(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, silent, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(ConnectError, match="in time"):
            async with open_connection(f"ws://127.0.0.1:{port}/", connect_timeout_s=0.02):
                pytest.fail("connected to silence")
        nursery.cancel_scope.cancel()
