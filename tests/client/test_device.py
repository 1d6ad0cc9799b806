"""A device and a scripted server over real sockets."""

from __future__ import annotations

from uuid import uuid4

import pytest
import trio

from client.terminal.answer import RequestRefusedError
from client.terminal.device import Device, open_device
from streaming.wire import (
    WsAuthExpiring,
    WsCancel,
    WsError,
    WsHomeRequest,
    WsPing,
    WsPong,
    WsPopupDomain,
    WsPopupRequest,
    WsScope,
    WsStreamText,
)
from streaming.wire.codes import ErrorCode
from tests.client.peer import Peer, end, open_peer, start, text


async def test_the_handshake_sends_the_device_id_and_returns_ready() -> None:
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


async def test_cancel_sends_the_request_id_and_the_answer_ends_cancelled() -> None:
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


async def test_frames_after_the_end_of_a_request_are_received() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.expect(WsHomeRequest)
        await peer.send(end(request.request_id), text(request.request_id, "too late"))

    async with open_peer(script) as url, open_device(url, "t") as device:
        await (await device.home("hello")).finish()
        late = await device.receive()
        assert isinstance(late, WsStreamText)


async def test_a_refused_request_raises_and_other_requests_continue() -> None:
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


async def test_a_duplicate_of_a_chosen_id_is_refused() -> None:
    async def script(peer: Peer) -> None:
        request = await peer.expect(WsHomeRequest)
        await peer.send(WsError(code=ErrorCode.DUPLICATE_REQUEST, message="again", request_id=request.request_id))

    async with open_peer(script) as url, open_device(url, "t") as device:
        answer = await device.home("one", request_id=uuid4())
        with pytest.raises(ValueError, match="already running"):
            await device.home("one", request_id=answer.request_id)
        with pytest.raises(RequestRefusedError):
            await answer.finish()


async def test_ping_waits_for_its_pong() -> None:
    async def script(peer: Peer) -> None:
        await peer.expect(WsPing)
        await peer.send(WsPong())

    async with open_peer(script) as url, open_device(url, "t") as device:
        await device.ping()


async def test_the_queue_of_unread_frames_is_bounded() -> None:
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
