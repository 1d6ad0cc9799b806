"""Two hosts with one database: a device's socket comes back to the other one, or another device watches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import trio

from client.terminal.account import SignIn
from tests.model_server import ReceivedRequest, Step, Wait, text_stream, tool_calls
from tests.server.relay.test_two_servers import two_servers, until
from tests.server.sockets.raw_device import RawDevice
from tests.server.tessera import Tessera, text_block, tool_messages


@dataclass
class Slow:
    """Two servers. The model of the first one says "One ", and "two." when `go_on` is set."""

    one: Tessera
    other: Tessera
    account: SignIn
    go_on: trio.Event

    def device(self) -> RawDevice:
        return RawDevice(self.account.access_token)

    def request(self) -> dict[str, Any]:
        return {"type": "home_request", "request_id": str(uuid4()), "message": "Count to two."}

    async def rest(self, tessera: Tessera, method: str, request_id: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False, timeout=30) as client:
            headers = {"Authorization": f"Bearer {self.account.access_token}"}
            return await client.request(method, f"/api/v1/requests/{request_id}", headers=headers)


@asynccontextmanager
async def slow(database: str) -> AsyncIterator[Slow]:
    go_on = trio.Event()

    def answer(_: ReceivedRequest) -> list[Step]:
        steps = text_stream('[{"type":"text","content":"', "One ", "two.", '"}]', usage=(7, 2))
        return [*steps[:2], Wait(go_on), *steps[2:]]

    async with two_servers(database, drain_grace_s=30) as (one, other):
        one.script(answer)
        other.script(lambda _: text_block("At the other server."))
        try:
            yield Slow(one, other, await one.account(), go_on)
        finally:
            go_on.set()


async def test_the_socket_comes_back_to_the_other_host_in_mid_answer(database: str) -> None:
    async with slow(database) as servers:
        device, request = servers.device(), servers.request()
        async with device.connected(servers.one.ws_url) as socket:
            assert socket.ready["resume"] == "new"
            await socket.say(**request)
            await socket.hear_text("One ")
        session = device.cursor
        assert session is not None
        async with device.connected(servers.other.ws_url) as socket:
            assert (socket.ready["resume"], socket.ready["session_id"]) == ("resumed", session[0])
            assert socket.ready["requests"] == [{"request_id": request["request_id"], "state": "running"}]
            await socket.say(type="ping")
            await socket.hear("pong")
            servers.go_on.set()
            assert (await socket.hear("stream_end"))["status"] == "completed"
            assert device.texts == {0: "One two."}
            await socket.say(**request)
            assert (await socket.hear("request_result"))["blocks"][0]["content"] == "One two."
        # Nothing runs any more, so the session moves: the next request runs where the device is.
        async with device.connected(servers.other.ws_url) as socket:
            assert (socket.ready["resume"], socket.ready["session_id"]) == ("resumed", session[0])
            await socket.say(**servers.request())
            assert (await socket.hear("stream_end"))["status"] == "completed"
            assert device.texts[0].endswith("At the other server.")
        assert len(servers.other.answers()) == 1


async def test_a_session_with_unprocessed_frames_stays_until_they_were_sent(database: str) -> None:
    async with slow(database) as servers:
        device, request = servers.device(), servers.request()
        servers.go_on.set()
        async with device.connected(servers.one.ws_url) as socket:
            await socket.say(**request)
            await socket.hear("stream_end")
        assert device.cursor is not None
        device.cursor = device.cursor[0], device.cursor[1] - 1  # as if the end was lost with the socket
        async with device.connected(servers.other.ws_url) as socket:
            assert socket.ready["resume"] == "resumed"
            assert (await socket.hear("stream_end"))["status"] == "completed"


async def test_a_client_without_a_cursor_finds_its_running_request_at_the_other_host(database: str) -> None:
    async with slow(database) as servers:
        device, request = servers.device(), servers.request()
        async with device.connected(servers.one.ws_url) as socket:
            await socket.say(**request)
            await socket.hear_text("One ")
        device.texts.clear()
        async with device.connected(servers.other.ws_url, resume=False) as socket:
            assert socket.ready["resume"] == "new"
            assert socket.ready["requests"] == [{"request_id": request["request_id"], "state": "running"}]
            await socket.say(type="watch", request_id=request["request_id"])
            await socket.hear_text("One ")
            await socket.say(type="cancel", request_id=request["request_id"])
            assert (await socket.hear("stream_end"))["status"] == "cancelled"


async def test_another_device_watches_a_request_of_the_other_host(database: str) -> None:
    async with slow(database) as servers:
        device, watcher, request = servers.device(), servers.device(), servers.request()
        async with (
            device.connected(servers.one.ws_url) as socket,
            watcher.connected(servers.other.ws_url) as watching,
        ):
            await socket.say(**request)
            await socket.hear_text("One ")
            await watching.say(type="watch", request_id=request["request_id"])
            await watching.hear("stream_start")
            await watching.hear_text("One ")
            await watching.say(type="cancel", request_id=request["request_id"])  # not its own request
            assert (await watching.hear("error"))["code"] == "unknown_request"
            # Watched again, also by the request itself: it starts with the first frame.
            for frame in ({"type": "watch", "request_id": request["request_id"]}, request):
                await watching.say(**frame)
                await watching.hear("stream_start")
                watcher.texts.clear()
                await watching.hear_text("One ")
            await watching.say(**request | {"message": "Something else."})
            assert (await watching.hear("error"))["code"] == "duplicate_request"
            servers.go_on.set()
            ends = [await one.hear("stream_end") for one in (watching, socket)]
            assert [end["status"] for end in ends] == ["completed"] * 2
            assert watcher.texts == device.texts == {0: "One two."}
            await watching.say(type="watch", request_id=request["request_id"])
            assert (await watching.hear("request_result"))["blocks"][0]["content"] == "One two."
        assert servers.other.answers() == []


async def test_nobody_follows_any_more_and_the_copy_ends(database: str) -> None:
    async with slow(database) as servers:
        device, watcher, request = servers.device(), servers.device(), servers.request()
        async with device.connected(servers.one.ws_url) as socket:
            await socket.say(**request)
            await socket.hear_text("One ")
            async with watcher.connected(servers.other.ws_url) as watching:
                await watching.say(type="watch", request_id=request["request_id"])
                await watching.hear_text("One ")
                await watching.say(type="unwatch", request_id=request["request_id"])
                await watching.say(type="ping")
                await watching.hear("pong")
                servers.go_on.set()
                await socket.hear("stream_end")
                await watching.say(type="watch", request_id=request["request_id"])
                assert (await watching.hear("request_result", "stream_start"))["type"] == "request_result"


async def test_rest_reads_and_cancels_a_request_of_the_other_host(database: str) -> None:
    async with slow(database) as servers:
        device, request = servers.device(), servers.request()
        async with device.connected(servers.one.ws_url) as socket:
            await socket.say(**request)
            await socket.hear_text("One ")
            read = (await servers.rest(servers.other, "GET", request["request_id"])).json()
            assert (read["status"], read["blocks"][0]["content"]) == ("running", "One ")
            assert (await servers.rest(servers.other, "DELETE", request["request_id"])).status_code == 202
            assert (await socket.hear("stream_end"))["status"] == "cancelled"
            assert (await servers.rest(servers.other, "DELETE", request["request_id"])).status_code == 404
            read = (await servers.rest(servers.other, "GET", request["request_id"])).json()
            assert read["status"] == "cancelled"


async def test_a_post_waits_for_the_request_of_the_other_host(database: str) -> None:
    async with slow(database) as servers:
        device, asked, answers = servers.device(), servers.request(), list[httpx.Response]()
        body = {"message": asked["message"], "request_id": asked["request_id"]}

        async def post() -> None:
            async with httpx.AsyncClient(base_url=servers.other.rest_url, trust_env=False, timeout=60) as client:
                headers = {"Authorization": f"Bearer {servers.account.access_token}"}
                answers.append(await client.post("/api/v1/chat", json=body, headers=headers))

        async with device.connected(servers.one.ws_url) as socket, trio.open_nursery() as nursery:
            await socket.say(**asked)
            await socket.hear_text("One ")
            nursery.start_soon(post)
            servers.go_on.set()
            await socket.hear("stream_end")
        assert (answers[0].status_code, answers[0].json()["status"]) == (200, "completed")
        assert "One two." in answers[0].text
        assert servers.other.answers() == []


async def test_a_device_without_a_socket_is_no_ones_latest_device(database: str) -> None:
    async with slow(database) as servers:
        device, asked = servers.device(), {"message": "What is there to do?"}
        servers.other.script(
            lambda asked: text_block("Offline.") if tool_messages(asked) else tool_calls(("list_tasks", {}))
        )
        async with device.connected(servers.one.ws_url):
            pass
        await until(lambda: attached(database) == [False])
        async with httpx.AsyncClient(base_url=servers.other.rest_url, trust_env=False, timeout=30) as client:
            headers = {"Authorization": f"Bearer {servers.account.access_token}"}
            assert (await client.post("/api/v1/chat", json=asked, headers=headers)).status_code == 200
        assert "device_offline" in tool_messages(servers.other.answers()[-1])[0]


def attached(database: str) -> list[bool]:
    """For each device with a session: whether other servers see a socket of it."""
    with psycopg.connect(database, autocommit=True) as connection:
        rows = connection.execute("SELECT connected_at > '-infinity' FROM relay_devices").fetchall()
    return [row[0] for row in rows]


async def test_a_session_that_ended_is_nowhere(database: str) -> None:
    async with two_servers(database, resume_grace_s=0.2) as (one, other):
        device = RawDevice((await one.account()).access_token)
        async with device.connected(one.ws_url):
            assert attached(database) == [True]
        await until(lambda: attached(database) == [])
        async with device.connected(other.ws_url) as socket:
            assert socket.ready["resume"] == "lost"


async def test_two_sockets_that_resume_at_both_hosts_leave_one(database: str) -> None:
    async with slow(database) as servers:
        device, request = servers.device(), servers.request()
        async with device.connected(servers.one.ws_url) as socket:
            await socket.say(**request)
            await socket.hear_text("One ")
        async with (
            device.connected(servers.other.ws_url) as older,
            device.connected(servers.one.ws_url) as newer,
        ):
            assert [socket.ready["resume"] for socket in (older, newer)] == ["resumed"] * 2
            assert await older.closed() == 4510
            servers.go_on.set()
            await newer.hear("stream_end")
            assert device.texts == {0: "One two."}


async def test_a_stopping_server_keeps_the_session_of_a_running_request_and_no_other(database: str) -> None:
    async with slow(database) as servers:
        busy, idle, request = servers.device(), servers.device(), servers.request()
        async with busy.connected(servers.one.ws_url) as socket, idle.connected(servers.one.ws_url) as waiting:
            await socket.say(**request)
            await socket.hear_text("One ")
            servers.one.stop.set()
            assert (await waiting.hear("draining"))["retry_after_ms"] >= 0
            await socket.hear("draining")
        async with idle.connected(servers.other.ws_url) as socket:
            assert socket.ready["requests"] == []
        async with busy.connected(servers.other.ws_url) as socket:
            assert socket.ready["resume"] == "resumed"
            await socket.hear("draining")
            servers.go_on.set()
            assert (await socket.hear("stream_end"))["status"] == "completed"
            assert busy.texts == {0: "One two."}
        async with busy.connected(servers.other.ws_url) as socket:
            assert [one["state"] for one in socket.ready["requests"]] == ["completed"]


async def test_a_stopping_server_forwards_no_more_and_loses_nothing(database: str) -> None:
    async with slow(database) as servers:
        device, request = servers.device(), servers.request()
        async with device.connected(servers.one.ws_url) as socket:
            await socket.say(**request)
            await socket.hear_text("One ")
        async with device.connected(servers.other.ws_url) as socket:
            servers.other.stop.set()
            assert (await socket.hear("draining"))["retry_after_ms"] >= 0
            assert await socket.closed() == 4001
        async with device.connected(servers.one.ws_url) as socket:
            assert socket.ready["resume"] == "resumed"
            servers.go_on.set()
            await socket.hear("stream_end")
            assert device.texts == {0: "One two."}
            await until(lambda: len(servers.one.answers()) == 1)
