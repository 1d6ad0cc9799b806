"""The terminal client's token is replaced before it expires, on the same socket."""

from __future__ import annotations

import math

import trio
from pydantic import BaseModel
from trio.testing import MockClock

from client.terminal.connection import ConnectError
from client.terminal.reconnection import Events, Patience, Reconnection
from streaming.wire import WsAuthExpiring, WsAuthRefresh
from tests.client.peer import Peer
from tests.client.scripted_device import device_at


async def connected() -> None:
    await trio.lowlevel.checkpoint()


def reconnection(failures: int) -> tuple[Reconnection, list[float], trio.MemoryReceiveChannel[BaseModel]]:
    """A connection whose `token` fails this often, the times of its calls, and the frames that it sends."""
    asked: list[float] = []

    async def token(new: bool) -> str:
        await trio.lowlevel.checkpoint()
        assert new
        asked.append(trio.current_time())
        if len(asked) <= failures:
            raise ConnectError("signing in again failed: not just now")
        return "token-2"

    events = Events(lambda *_: None, lambda _: connected(), lambda _: None, bool, lambda _: None)  # type: ignore[arg-type]
    made = Reconnection("ws://127.0.0.1:9/", token, events, Patience())
    made._outgoing, sent = trio.open_memory_channel[BaseModel](math.inf)
    return made, asked, sent


async def test_a_new_token_is_sent_on_the_same_socket() -> None:
    sent = trio.Event()

    async def expires(peer: Peer) -> None:
        await peer.greet()
        await peer.send(WsAuthExpiring(in_s=0.01))
        assert (await peer.expect(WsAuthRefresh)).token == "token"
        sent.set()

    async with device_at(expires):
        await sent.wait()


async def test_the_token_is_asked_for_again_while_time_remains(autojump_clock: MockClock) -> None:
    made, asked, sent = reconnection(failures=2)
    began = trio.current_time()
    await made._refresh(60)
    assert sent.receive_nowait() == WsAuthRefresh(token="token-2")
    waited = [at - began for at in asked]
    assert len(waited) == 3
    assert 15 <= waited[0] <= 30
    assert waited[-1] < 60


async def test_a_token_that_never_comes_is_given_up_before_the_old_one_expires(autojump_clock: MockClock) -> None:
    made, asked, sent = reconnection(failures=1000)
    began = trio.current_time()
    await made._refresh(60)
    assert trio.current_time() - began < 60
    assert 4 < len(asked) < 15
    assert sent.statistics().current_buffer_used == 0
