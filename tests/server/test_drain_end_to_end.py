"""Draining and connection limits, over real sockets."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
import trio

from client.terminal.answer import RequestRefusedError
from client.terminal.connection import ConnectError, ConnectionLostError, open_connection
from client.terminal.device import Device, open_device
from streaming.wire.codes import CloseCode, ErrorCode
from tests.model_server import Never, Wait, text, text_stream
from tests.server.conversation import chat, close_code, first_text
from tests.server.tessera import open_tessera, text_block


async def drained(device: Device) -> int | None:
    lost = await device.wait_closed()
    assert isinstance(lost, ConnectionLostError)
    return lost.code


async def test_draining_lets_a_running_request_finish(database: str) -> None:
    go_on = trio.Event()
    async with (
        open_tessera(database, drain_grace_s=60) as tessera,
        tessera.device() as idle,
        tessera.device() as busy,
    ):
        tessera.script(lambda _: [*text('[{"type":"text","content":"last '), Wait(go_on), *text_stream('words"}]')])
        answer = await busy.home("hello")
        await first_text(answer)
        tessera.stop.set()
        assert await drained(idle) == CloseCode.DRAINING
        with pytest.raises(RequestRefusedError) as refused:
            await (await busy.home("one more")).finish()
        assert refused.value.code is ErrorCode.SERVER_DRAINING
        go_on.set()
        end = await answer.finish()
        assert (answer.text, end.status) == ("last words", "completed")
        assert await drained(busy) == CloseCode.DRAINING


async def test_draining_cancels_requests_that_outlast_the_grace_period(database: str) -> None:
    async with open_tessera(database, drain_grace_s=0) as tessera, tessera.device() as device:
        tessera.script(lambda _: [*text('[{"type":"text","content":"word '), Never()])
        await first_text(await device.home("hello"))
        tessera.stop.set()
        assert await drained(device) == CloseCode.DRAINING


async def test_the_same_request_id_runs_once_over_socket_and_rest(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(lambda _: text_block("once"))
        account, request_id = await tessera.account(), uuid4()
        async with tessera.device(account) as device:
            await (await device.home("hello", request_id=request_id)).finish()
        models = len(tessera.model.requests)
        same = await chat(tessera, account.access_token, message="hello", request_id=str(request_id))
        other = await chat(tessera, account.access_token, message="bye", request_id=str(request_id))
    assert (same.status_code, same.json()["blocks"]) == (200, [{"block": 0, "type": "text", "content": "once"}])
    assert (other.status_code, other.json()["error"]["code"]) == (409, "duplicate_request")
    assert len(tessera.model.requests) == models


async def test_sockets_past_the_limit_are_closed_immediately(database: str) -> None:
    async with open_tessera(database, max_sockets=1) as tessera:
        account = await tessera.account()
        async with tessera.device(account) as device:
            with pytest.raises((ConnectError, ConnectionLostError)):
                async with open_device(tessera.ws_url, account.access_token):
                    raise AssertionError("the server let it in")
            await device.ping()


async def test_draining_closes_a_peer_without_a_hello_and_cancels_rest_requests(database: str) -> None:
    async with open_tessera(database, drain_grace_s=0.1) as tessera:
        tessera.script(lambda _: [*text('[{"type":"text","content":"word '), Never()])
        token = (await tessera.account()).access_token
        responses: list[httpx.Response] = []

        async def ask() -> None:
            responses.append(await chat(tessera, token, message="hello"))

        async with trio.open_nursery() as nursery, open_connection(tessera.ws_url) as socket:
            nursery.start_soon(ask)
            while not tessera.answers():
                await tessera.model.wait_request(len(tessera.model.requests))
            tessera.stop.set()
            assert await close_code(socket) == CloseCode.DRAINING
        assert responses[0].status_code == 503
