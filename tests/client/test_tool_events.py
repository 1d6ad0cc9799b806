"""The terminal client shows the tool calls of an answer when they begin, and the half-typed line stays."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import trio

from client.terminal.replay import Replay
from streaming.wire import WsHomeRequest, WsPing, WsToolEvent, WsToolResult
from tests.client.peer import Peer, call, end, start, text
from tests.client.test_lost_servers import device_socket, sockets, terminal_at


def event(request_id: UUID | None, tool: str, state: str = "started", call_id: UUID | None = None) -> WsToolEvent:
    fields = {"request_id": request_id, "call_id": call_id or uuid4(), "tool": tool, "state": state}
    return WsToolEvent.model_validate(fields)


async def test_a_call_that_begins_is_shown_and_a_half_typed_decision_stays(rest: str, tmp_path: Path) -> None:
    asked, half_typed = trio.Event(), trio.Event()

    async def script(peer: Peer) -> None:
        await peer.greet()
        assert peer.hello is not None
        assert "tool_events" in (peer.hello.features or [])
        request = await peer.expect(WsHomeRequest)
        wanted = call("delete_task", {"id": "t-1"}, approval=True)
        await peer.send(start(request.request_id), event(request.request_id, "list_projects"), wanted)
        asked.set()
        await half_typed.wait()
        await peer.send(event(request.request_id, "list_tasks"))
        while not isinstance(frame := await peer.receive(), WsToolResult):
            assert isinstance(frame, WsPing)
        await peer.send(text(request.request_id, "Kept."), end(request.request_id))
        await peer.wait_closed()

    async with sockets(device_socket(script)) as url, terminal_at(url, rest, tmp_path) as person:
        await person.screen.shows("> ")
        person.types("delete it")
        await asked.wait()
        await person.screen.shows("Delete? [y/N] ")
        person.typing = "n"
        half_typed.set()
        await person.screen.shows("\r\x1b[KReading your tasks…\nDelete? [y/N] n")
        person.typing = ""
        person.types("n")
        await person.screen.shows("Kept.")
    shown = person.screen.getvalue()
    assert shown.index("Reading your projects…") < shown.index("Delete? [y/N]")
    assert [shown.count(f"Reading your {items}…") for items in ("projects", "tasks")] == [1, 1]


def test_a_replayed_event_passes_once() -> None:
    request_id, read, other = uuid4(), uuid4(), uuid4()
    replay = Replay(request_id)
    began = event(request_id, "list_tasks", "started", read)
    ended = event(request_id, "list_tasks", "finished", read)
    second = event(request_id, "list_tasks", "started", other)
    assert [replay.new(one) for one in (began, ended)] == [[began], [ended]]
    assert [replay.new(one) for one in (began, ended, second)] == [[], [], [second]]
