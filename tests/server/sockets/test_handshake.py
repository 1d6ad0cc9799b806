"""The handshake: the first frame of a device socket."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import trio
import trio.testing

from server.accounts.credentials import Tokens
from server.sockets.device_socket import SocketClosed
from server.sockets.handshake import HandshakeFailed, shake_hands
from server.sockets.handshake_limit import HandshakeLimit
from streaming.wire import WsResume
from streaming.wire.codes import CloseCode
from tests.server.memory_server import hello, wall_clock
from tests.server.memory_socket import MemorySocket

TIMEOUT_S = 10.0


def tokens(lifetime_s: int = 3600) -> Tokens:
    return Tokens([b"k" * 32], lifetime_s=lifetime_s, clock=wall_clock)


async def refusal(socket: MemorySocket) -> CloseCode:
    with pytest.raises(HandshakeFailed) as failed:
        await shake_hands(socket, tokens(), TIMEOUT_S, HandshakeLimit(1, 1))
    return failed.value.code


async def test_a_valid_hello_identifies_the_user_and_the_device() -> None:
    user_id, device_id = uuid4(), uuid4()
    token, _ = tokens().issue(user_id)
    socket = MemorySocket()
    await socket.say(**hello(token, device_id), unknown_field=1)
    greeting = await shake_hands(socket, tokens(), TIMEOUT_S, HandshakeLimit(1, 1))
    assert greeting.user.user_id == user_id
    assert greeting.device_id == device_id
    assert greeting.client.platform == "linux"
    assert greeting.resume is None


async def test_the_token_may_come_with_the_upgrade_request() -> None:
    token, _ = tokens().issue(user_id := uuid4())
    socket = MemorySocket(bearer_token=token)
    fields = hello(None)
    del fields["token"]
    await socket.say(**fields)
    assert (await shake_hands(socket, tokens(), TIMEOUT_S, HandshakeLimit(1, 1))).user.user_id == user_id


async def test_asking_to_resume_is_noticed() -> None:
    token, _ = tokens().issue(uuid4())
    session_id = uuid4()
    socket = MemorySocket()
    await socket.say(**hello(token, resume={"session_id": str(session_id), "seq": 4}))
    greeting = await shake_hands(socket, tokens(), TIMEOUT_S, HandshakeLimit(1, 1))
    assert greeting.resume == WsResume(session_id=session_id, seq=4)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", CloseCode.PROTOCOL_BROKEN),
        ("not json", CloseCode.PROTOCOL_BROKEN),
        ('{"type": "ping"}', CloseCode.PROTOCOL_BROKEN),
        ('{"type": "device_hello"}', CloseCode.PROTOCOL_BROKEN),
        ('{"type": "home_request", "message": "hi"}', CloseCode.PROTOCOL_BROKEN),
    ],
)
async def test_anything_but_a_hello_breaks_the_protocol(text: str, code: CloseCode) -> None:
    socket = MemorySocket()
    await socket.say_text(text)
    assert await refusal(socket) == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"token": None}, CloseCode.UNAUTHORIZED),
        ({"token": "forged"}, CloseCode.UNAUTHORIZED),
        ({"token": Tokens([b"other" * 8], clock=lambda: 1_800_000_000.0).issue(uuid4())[0]}, CloseCode.UNAUTHORIZED),
        ({"protocol_versions": [1, 2, 4]}, CloseCode.NO_COMMON_VERSION),
    ],
)
async def test_a_hello_that_is_rejected(fields: dict[str, Any], code: CloseCode) -> None:
    token, _ = tokens().issue(uuid4())
    socket = MemorySocket()
    await socket.say(**(hello(token) | fields))
    assert await refusal(socket) == code


async def test_an_expired_token_has_its_own_code(autojump_clock: trio.testing.MockClock) -> None:
    token, _ = tokens(lifetime_s=60).issue(uuid4())
    await trio.sleep(120)
    socket = MemorySocket()
    await socket.say(**hello(token))
    assert await refusal(socket) == CloseCode.TOKEN_EXPIRED


async def test_a_silent_peer_is_rejected(autojump_clock: trio.testing.MockClock) -> None:
    assert await refusal(MemorySocket()) == CloseCode.HELLO_TIMEOUT
    assert trio.current_time() == pytest.approx(TIMEOUT_S)


async def test_a_peer_that_hangs_up_is_not_a_failed_handshake() -> None:
    socket = MemorySocket()
    socket.hang_up()
    with pytest.raises(SocketClosed):
        await shake_hands(socket, tokens(), TIMEOUT_S, HandshakeLimit(1, 1))
