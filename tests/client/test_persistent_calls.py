"""Tool calls and approvals that outlive the socket and the terminal client: each runs once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio

from client.terminal.journal import DeviceJournal
from streaming.wire import (
    ErrorCode,
    WsError,
    WsFrameType,
    WsPing,
    WsPong,
    WsToolAccepted,
    WsToolAck,
    WsToolCall,
    WsToolCancel,
    WsToolResult,
)
from tests.client.peer import Peer, call
from tests.client.scripted_device import cut, device_at


def offered(first: WsToolCall, *, accepted: bool = False) -> WsToolCall:
    return first.model_copy(update={"offered_again": True, "accepted": True if accepted else None})


async def test_a_call_runs_once_over_a_restart(tmp_path: Path) -> None:
    ran = []

    async def create(args: Mapping[str, Any]) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        entries = json.loads((tmp_path / "journal.json").read_text())["calls"]
        ran.append(list(entries))
        return {"id": "t-9", **args}

    wanted = call("create_task", {"title": "One"})
    results = []
    heard = trio.Event()

    async def first(peer: Peer) -> None:
        await peer.greet()
        await peer.send(wanted)
        assert (await peer.expect(WsToolAccepted)).call_id == wanted.call_id
        results.append(await peer.expect(WsToolResult))
        heard.set()

    async def second(peer: Peer) -> None:
        await peer.greet()
        assert await peer.expect(WsToolResult) == results[0]  # the server may not know the call
        await peer.send(offered(wanted, accepted=True))
        results.append(await peer.expect(WsToolResult))
        await peer.send(WsToolAck(call_id=wanted.call_id))
        await peer.send(offered(wanted, accepted=True))
        results.append(await peer.expect(WsToolResult))
        heard.set()

    for script in (first, second):
        heard = trio.Event()
        journal = DeviceJournal.load(tmp_path / "journal.json")
        async with device_at(script, tools={"create_task": create}, journal=journal):
            await heard.wait()
    assert ran == [[str(wanted.call_id)]]
    assert results[0] == results[1]
    assert results[2].error is not None
    assert results[2].error.code == "unknown"


async def test_a_call_that_was_started_and_has_no_result_is_unknown(tmp_path: Path) -> None:
    wanted = call("create_task", {"title": "One"})
    journal = DeviceJournal(tmp_path / "journal.json")
    await journal.start(wanted.call_id)
    heard = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.send(offered(wanted))
        result = await peer.expect(WsToolResult)
        assert result.error is not None
        assert result.error.code == "unknown"
        heard.set()

    async def never(_args: Mapping[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        raise AssertionError

    async with device_at(script, tools={"create_task": never}, journal=DeviceJournal.load(tmp_path / "journal.json")):
        await heard.wait()


async def test_a_call_without_a_journal_entry_does_not_run_if_the_journal_fails(tmp_path: Path) -> None:
    heard = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.send(call("create_task", {"title": "One"}))
        result = await peer.expect(WsToolResult)
        assert result.error is not None
        assert result.error.code == "journal_failed"
        heard.set()

    async def never(_args: Mapping[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        raise AssertionError

    (tmp_path / "file").write_text("")
    journal = DeviceJournal(tmp_path / "file" / "journal.json")
    async with device_at(script, tools={"create_task": never}, journal=journal):
        await heard.wait()


# ---- approvals on other devices -------------------------------------------------------------------------------------


async def confirmed(peer: Peer, call_id: UUID) -> WsToolResult:
    await peer.send(WsToolCancel(call_id=call_id, confirm=True))
    return await peer.expect(WsToolResult)


async def test_a_question_that_is_answered_elsewhere_is_withdrawn_and_its_call_never_runs() -> None:
    ran: list[Any] = []
    asked, done = trio.Event(), trio.Event()

    async def run(args: Mapping[str, Any]) -> Any:
        ran.append(args)
        return {"id": "t1"}

    async def ask(_: WsToolCall) -> bool:
        asked.set()
        await trio.sleep_forever()

    async def script(peer: Peer) -> None:
        await peer.greet()
        wanted = call("delete_task", {"id": "t1"}, approval=True)
        await peer.send(wanted)
        await asked.wait()
        result = await confirmed(peer, wanted.call_id)
        assert result.error is not None
        assert (result.call_id, result.error.code) == (wanted.call_id, "not_started")
        result = await confirmed(peer, uuid4())  # never seen
        assert result.error is not None
        assert result.error.code == "not_started"
        made = call("delete_task", {"id": "t1"})
        await peer.send(made)
        await peer.expect(WsToolAccepted)
        assert (await peer.expect(WsToolResult)).ok
        assert (await confirmed(peer, made.call_id)).ok  # from the journal
        done.set()
        await peer.wait_closed()

    async with device_at(script, tools={"delete_task": run}, on_approval=ask):
        await done.wait()
    assert ran == [{"id": "t1"}]


async def test_a_call_that_runs_is_not_stopped_when_another_device_answers() -> None:
    running, go_on, done = trio.Event(), trio.Event(), trio.Event()

    async def run(_: Mapping[str, Any]) -> Any:
        running.set()
        await go_on.wait()
        return {"id": "t1"}

    async def yes(_: WsToolCall) -> bool:
        await trio.lowlevel.checkpoint()
        return True

    async def script(peer: Peer) -> None:
        await peer.greet()
        wanted = call("delete_task", {"id": "t1"}, approval=True)
        await peer.send(wanted)
        await peer.expect(WsToolAccepted)
        await running.wait()
        await peer.send(WsToolCancel(call_id=wanted.call_id, confirm=True), WsPong())
        go_on.set()
        assert (await peer.expect(WsToolResult)).ok
        done.set()
        await peer.wait_closed()

    async with device_at(script, tools={"delete_task": run}, on_approval=yes):
        await done.wait()


@pytest.mark.parametrize("answer", ["acknowledged", "refused"])
@pytest.mark.parametrize("resume", ["lost", "new"])
async def test_a_change_is_sent_to_a_server_that_does_not_know_its_call(
    tmp_path: Path, answer: str, resume: str
) -> None:
    wanted = call("create_task", {"title": "One"})
    results: list[WsToolResult] = []
    heard = trio.Event()

    async def create(args: Mapping[str, Any]) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return {"id": "t-9", **args}

    async def result(peer: Peer) -> WsToolResult:
        while not isinstance(frame := await peer.receive(), WsToolResult):
            assert isinstance(frame, WsPing)
        return frame

    async def lost(peer: Peer) -> None:
        await peer.greet()
        await peer.send(wanted)
        await peer.expect(WsToolAccepted)
        results.append(await peer.expect(WsToolResult))
        await cut(peer)

    async def next_one(peer: Peer) -> None:
        await peer.greet(resume=resume)
        results.append(await result(peer))
        if answer == "acknowledged":
            await peer.send(WsToolAck(call_id=wanted.call_id))
        else:
            kind = WsFrameType.TOOL_RESULT
            await peer.send(WsError(code=ErrorCode.UNKNOWN_CALL, message="?", frame_type=kind, call_id=wanted.call_id))
        await peer.send(offered(wanted, accepted=True))
        results.append(await result(peer))
        heard.set()

    journal = DeviceJournal.load(tmp_path / "journal.json")
    async with device_at(lost, next_one, tools={"create_task": create}, journal=journal):
        await heard.wait()
    assert results[0] == results[1]
    assert (results[1].request_id, results[1].tool, results[1].id) == (wanted.request_id, "create_task", "t-9")
    assert results[2].error is not None  # deleted from the journal
    assert results[2].error.code == "unknown"
