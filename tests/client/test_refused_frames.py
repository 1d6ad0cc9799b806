"""Errors that answer a change or a request of the terminal's device, against a scripted server."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
import trio

from client.terminal.answer import RequestRefusedError
from client.terminal.device import Device, open_device
from client.terminal.journal import DeviceJournal
from client.terminal.persistent_device import PersistentDevice
from streaming.wire import ErrorCode, WsClientMutation, WsError, WsFrameType, WsHomeRequest
from tests.client.peer import Peer, end, open_peer, start
from tests.client.scripted_device import KNOWN, device_at


async def test_an_error_that_names_another_frame_refuses_no_change(tmp_path: Path) -> None:
    answered = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.greet(changes=KNOWN)
        change = await peer.expect(WsClientMutation)
        assert change.data == {"title": "Buy \ufffd"}
        for named in ({"call_id": uuid4()}, {"memory_id": uuid4()}, {"mutation_id": uuid4()}):
            await peer.send(WsError(code=ErrorCode.INVALID_FRAME, message="News.", **named))
        await answered.wait()
        await peer.send(WsError(code=ErrorCode.INVALID_FRAME, message="News.", mutation_id=change.mutation_id))

    journal = DeviceJournal.load(tmp_path / "journal.json")
    async with device_at(script, journal=journal) as device:
        await device.mutate("update", "task", "t-1", {"title": "Buy \ud83d"})
        for _ in range(3):
            assert isinstance(await device.receive(), WsError)
        assert len(journal.changes) == len(DeviceJournal.load(tmp_path / "journal.json").changes) == 1
        answered.set()
        await device.receive()
        while journal.changes or DeviceJournal.load(tmp_path / "journal.json").changes:
            await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize("code", [ErrorCode.INVALID_FRAME, ErrorCode.RATE_LIMITED])
@pytest.mark.parametrize("kept", [True, False])
async def test_an_error_fails_only_the_request_that_it_is_about(kept: bool, code: ErrorCode) -> None:
    """`kept`: the device stays connected over lost connections."""

    async def script(peer: Peer) -> None:
        if kept:
            await peer.greet()
        first = await peer.expect(WsHomeRequest)
        await peer.expect(WsHomeRequest)
        refused = {"code": code, "message": "No."}
        about_result = {"request_id": first.request_id, "call_id": uuid4(), "frame_type": WsFrameType.TOOL_RESULT}
        await peer.send(WsError.model_validate(refused | about_result))
        await peer.send(start(first.request_id))
        await peer.send(WsError.model_validate(refused | {"frame_type": WsFrameType.HOME_REQUEST}))
        await peer.send(end(first.request_id))

    async def ask(device: Device | PersistentDevice) -> None:
        answered, unread = await device.home("A"), await device.home("B")
        with pytest.raises(RequestRefusedError):
            await unread.finish()
        assert (await answered.finish()).status == "completed"

    with trio.fail_after(5):
        if kept:
            async with device_at(script) as device:
                await ask(device)
        else:
            async with open_peer(script) as url, open_device(url, "t") as plain:
                await ask(plain)
