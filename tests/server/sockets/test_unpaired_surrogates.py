r"""Half of a surrogate pair (`\ud83d`, as of a title cut inside an emoji) becomes U+FFFD, over real sockets."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import httpx
import trio

from client.terminal.connection import Connection, open_connection
from tests.model_server import ReceivedRequest, Step, tool_calls
from tests.server.tessera import last_user_message, open_tessera, text_block, tool_messages

CUT = r"\ud83d"
REPLACED = "\N{REPLACEMENT CHARACTER}"


async def say(connection: Connection, **frame: Any) -> None:
    """Send `frame` with each `?` replaced by the escape of one half of a surrogate pair."""
    await connection.send_raw(json.dumps(frame).replace("?", CUT))


async def hear(connection: Connection, *kinds: str) -> dict[str, Any]:
    """The next frame of one of `kinds`. An unexpected error frame fails the test."""
    with trio.fail_after(20):
        while True:
            frame: dict[str, Any] = json.loads(await connection.receive_raw())
            if frame["type"] in kinds:
                return frame
            assert frame["type"] != "error", frame


async def ready(connection: Connection, token: str) -> None:
    await say(
        connection,
        type="device_hello",
        token=token,
        device_id=str(uuid4()),
        protocol_versions=[3],
        client={"name": "cut ?", "version": "1", "platform": "test"},
        features=["?"],
    )
    await hear(connection, "device_ready")


async def test_a_title_cut_inside_an_emoji_does_not_lose_the_tool_result(database: str) -> None:
    def model(request: ReceivedRequest) -> list[Step]:
        if results := tool_messages(request):
            return text_block("seen" if f"Party {REPLACED}" in results[0] else "lost")
        return tool_calls(("list_tasks", {}))

    async with open_tessera(database) as tessera:
        tessera.script(model)
        account = await tessera.account()
        async with open_connection(tessera.ws_url) as connection:
            await ready(connection, account.access_token)
            await say(connection, type="home_request", message="what is due")
            call = await hear(connection, "tool_call")
            items = [{"id": "t1", "title": "Party ?", "?": "a key"}]
            await say(connection, type="tool_result", call_id=call["call_id"], ok=True, data={"items": items})
            assert (await hear(connection, "stream_text"))["chunk"].startswith("seen")
            assert (await hear(connection, "stream_end"))["status"] == "completed"


async def test_every_other_type_of_frame_is_read(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(lambda request: text_block("seen" if REPLACED in last_user_message(request) else "lost"))
        account = await tessera.account()
        async with open_connection(tessera.ws_url) as connection, open_connection(tessera.ws_url) as other:
            await ready(connection, account.access_token)
            await ready(other, account.access_token)
            history = [{"role": "user", "content": "before ?"}]
            await say(connection, type="home_request", message="now ?", conversation_history=history, session_id="?")
            assert (await hear(connection, "stream_text"))["chunk"].startswith("seen")
            assert (await hear(connection, "stream_end"))["status"] == "completed"

            await say(connection, type="popup_request", message="now ?", scope={"type": "note", "id": "n?"})
            asked = await hear(connection, "data_request")
            assert asked["id"] == f"n{REPLACED}"
            items = [{"id": "n?", "title": "cut ?"}]
            await say(connection, type="data_response", data_id=asked["data_id"], items=items)
            assert (await hear(connection, "stream_text"))["chunk"].startswith("seen")
            assert (await hear(connection, "stream_end"))["status"] == "completed"
            assert f"cut {REPLACED}" in json.dumps(tessera.answers()[-1].body["messages"], ensure_ascii=False)

            await say(connection, type="mutation", op="update", entity="task", id="t?", data={"title": "cut ?"})
            mutation = await hear(other, "mutation")
            assert (mutation["id"], mutation["data"]) == (f"t{REPLACED}", {"title": f"cut {REPLACED}"})

            await say(connection, type="ping", note="?")
            await hear(connection, "pong")
            # The server reads these frames and refuses their contents. An unread frame would be an `invalid_frame`.
            await say(connection, type="cancel", request_id=str(uuid4()), note="?")
            assert (await hear(connection, "error"))["code"] == "unknown_request"
            await say(connection, type="memory_forget", memory_id=str(uuid4()), note="?")
            assert (await hear(connection, "error"))["code"] == "unknown_memory"
            await say(connection, type="auth_refresh", token="?")
            assert (await hear(connection, "error"))["code"] == "unauthorized"


async def test_a_rest_body_is_read(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(lambda request: text_block("seen" if REPLACED in last_user_message(request) else "lost"))
        account = await tessera.account()
        async with httpx.AsyncClient(timeout=30) as client:
            response = await client.post(
                f"{tessera.rest_url}/api/v1/chat",
                content=rf'{{"message": "now {CUT}"}}',
                headers={"Authorization": f"Bearer {account.access_token}", "Content-Type": "application/json"},
            )
        assert response.status_code == 200, response.text
        assert "seen" in response.text
