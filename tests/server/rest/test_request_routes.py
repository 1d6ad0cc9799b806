"""`/api/v1/requests/{id}`: a request's state while it runs and after its end, its cancellation, other users' ids."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import trio
from trio.testing import wait_all_tasks_blocked

from server.sessions.host import SessionHost
from tests.server.memory_server import memory_server
from tests.server.rest.rest_server import USER, client_of, make_services
from tests.server.scripted_model import text_block
from tests.server.sessions.resuming_client import home


async def test_a_request_is_fetched_while_it_runs_and_after_its_end() -> None:
    stack = memory_server()
    stack.user_id = USER
    go_on = trio.Event()
    stack.model.answer('[{"type":"text","content":"Good ', go_on, 'morning"}]')
    request = home()
    path = f"/api/v1/requests/{request['request_id']}"
    services = replace(make_services(), requests=stack.sessions)
    async with stack.running():
        async with stack.device() as socket:
            await socket.say(**request)
            await socket.hear_until("stream_text")
        async with client_of(services) as client, client_of(services, user=uuid4()) as stranger:
            running = (await client.get(path)).json()
            assert (running["status"], running["agent"]) == ("running", "task_agent")
            assert running["blocks"] == [{"block": 0, "block_type": "text", "content": "Good "}]
            assert (await stranger.get(path)).status_code == 404
            assert (await stranger.delete(path)).status_code == 404
            go_on.set()
            await wait_for_end(stack.sessions)
            ended = (await client.get(path)).json()
            assert (ended["status"], ended["finish"], ended["shown"]) == ("completed", "stop", 1)
            assert ended["blocks"] == [{"block": 0, "block_type": "text", "content": "Good morning"}]
            assert (await client.delete(path)).status_code == 404
            for unknown in (uuid4(), "none"):
                missing = await client.get(f"/api/v1/requests/{unknown}")
                assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_request")


async def wait_for_end(sessions: SessionHost) -> None:
    with trio.fail_after(60):
        await sessions.idle()


async def test_a_request_is_cancelled_without_its_socket() -> None:
    stack = memory_server()
    stack.user_id = USER
    stack.model.answer(trio.Event(), text_block("never seen"))
    request = home()
    path = f"/api/v1/requests/{request['request_id']}"
    services = replace(make_services(), requests=stack.sessions)
    async with stack.running():
        async with stack.device() as socket:
            await socket.say(**request)
            await wait_all_tasks_blocked()
        async with client_of(services) as client:
            assert (await client.delete(path)).status_code == 202
            await wait_for_end(stack.sessions)
            assert (await client.get(path)).json()["status"] == "cancelled"
