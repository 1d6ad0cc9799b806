"""Two servers over one database without a relay: each says the truth about requests that run at the other one."""

from __future__ import annotations

from uuid import uuid4

import httpx
import trio
from cryptography.fernet import Fernet

from tests.model_server import ReceivedRequest, Step, Wait, text_stream
from tests.server.sockets.raw_device import RawDevice
from tests.server.tessera import Tessera, open_tessera


def scripts(*servers: Tessera) -> tuple[trio.Event, trio.Event]:
    """Let the models say "One ", then "two." when the second event is set. The first event says that one was asked."""
    asked, go_on = trio.Event(), trio.Event()

    def answer(_: ReceivedRequest) -> list[Step]:
        asked.set()
        steps = text_stream('[{"type":"text","content":"', "One ", "two.", '"}]')
        return [*steps[:2], Wait(go_on), *steps[2:]]

    for server in servers:
        server.script(answer)
    return asked, go_on


async def call(server: Tessera, token: str, method: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.rest_url, trust_env=False, timeout=30) as client:
        headers = {"Authorization": f"Bearer {token}"}
        return await client.request(method, path, headers=headers)


async def test_a_request_that_runs_at_the_other_server_is_told_as_running_until_it_ends(database: str) -> None:
    key = Fernet.generate_key().decode()
    async with open_tessera(database, master_keys=key) as one, open_tessera(database, master_keys=key) as other:
        _, go_on = scripts(one, other)
        token = (await one.account()).access_token
        device, request_id = RawDevice(token), str(uuid4())
        asked = {"type": "home_request", "request_id": request_id, "message": "What is due?"}
        path = f"/api/v1/requests/{request_id}"
        async with device.connected(one.ws_url) as socket:
            await socket.say(**asked)
            await socket.hear_text("One ")
        async with device.connected(other.ws_url) as socket:
            assert socket.ready["resume"] == "lost"
            assert socket.ready["requests"] == [{"request_id": request_id, "state": "running"}]
            # Sent again, watched and stopped: it runs on, once, and that is what the device is told.
            for frame in (
                asked,
                {"type": "watch", "request_id": request_id},
                {"type": "cancel", "request_id": request_id},
            ):
                await socket.say(**frame)
                told = await socket.hear("request_result", "error")
                assert (told["type"], told.get("status"), told["blocks"]) == ("request_result", "running", [])
            async with RawDevice(token).connected(other.ws_url) as second:
                await second.say(type="watch", request_id=request_id)
                assert (await second.hear("request_result", "error"))["status"] == "running"
            seen = await call(other, token, "GET", path)
            assert (seen.status_code, seen.json()["status"]) == (200, "running")
            refused = await call(other, token, "DELETE", path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "server_not_reached")
            assert refused.json()["error"]["retryable"]
            (listed,) = (await call(other, token, "GET", "/api/v1/requests")).json()["requests"]
            assert (listed["state"], listed.get("reason")) == ("running", None)
            go_on.set()
            told = await socket.hear("request_result", "error")
            while told["status"] == "running":
                told = await socket.hear("request_result", "error")
            assert (told["status"], told["blocks"][0]["content"]) == ("completed", "One two.")
        assert (len(one.answers()), other.answers()) == (1, [])
        assert (await call(other, token, "DELETE", path)).status_code == 404
