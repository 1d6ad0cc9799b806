"""The terminal's device over lost connections, against a scripted server."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
import trio

from client.terminal.answer import RequestRefusedError
from client.terminal.connection import ConnectionLostError
from client.terminal.journal import DeviceJournal
from client.terminal.prompt import Prompt
from client.terminal.reconnection import Patience
from client.terminal.store import InvalidDataError
from streaming.wire import (
    WsCancel,
    WsChangesSeen,
    WsClientMutation,
    WsDraining,
    WsError,
    WsHomeRequest,
    WsMutationAck,
    WsPing,
    WsPong,
    WsRequestResult,
    WsServerMutation,
    WsStreamText,
    WsWatch,
)
from streaming.wire.codes import ErrorCode
from tests.client.peer import Peer, end, start, text
from tests.client.scripted_device import DEVICE, KNOWN, SESSION, cut, device_at


async def test_an_answer_goes_on_from_the_last_processed_frame() -> None:
    asked: list[UUID] = []
    shown = trio.Event()

    async def first(peer: Peer) -> None:
        await peer.greet(session_id=SESSION)
        request = await peer.expect(WsHomeRequest)
        assert request.request_id is not None
        asked.append(request.request_id)
        await peer.send(start(asked[0]), text(asked[0], "Good "))
        await shown.wait()
        await cut(peer)

    async def second(peer: Peer) -> None:
        running = [{"request_id": asked[0], "state": "running"}]
        await peer.greet(session_id=SESSION, seq=6, resume="resumed", requests=running)
        assert peer.hello is not None
        assert peer.hello.resume is not None
        assert (peer.hello.resume.session_id, peer.hello.resume.seq) == (SESSION, 3)
        await peer.send(
            WsStreamText(request_id=asked[0], block=0, chunk="Good morning", replace=True),
            text(asked[0], "!"),
            end(asked[0]),
        )

    states: list[str] = []
    async with device_at(first, second, states=states) as device:
        answer = await device.home("Hi")
        chunks = []
        async for frame in answer:
            if isinstance(frame, WsStreamText):
                chunks.append(frame.chunk)
                shown.set()
        assert chunks == ["Good ", "morning", "!"]
        assert answer.end is not None
        assert states == ["lost", "back"]


@pytest.mark.parametrize("resume", ["lost", "new"])
async def test_without_the_session_the_request_is_watched(resume: str) -> None:
    asked: list[UUID] = []

    async def first(peer: Peer) -> None:
        await peer.greet()
        request = await peer.expect(WsHomeRequest)
        assert request.request_id is not None
        asked.append(request.request_id)
        await peer.send(start(asked[0]))
        await cut(peer)

    async def second(peer: Peer) -> None:
        await peer.greet(resume=resume, requests=[{"request_id": asked[0], "state": "completed"}])
        assert (await peer.expect(WsWatch)).request_id == asked[0]
        block = {"block": 0, "block_type": "text", "content": "Good morning"}
        result = {"request_id": asked[0], "status": "completed", "blocks": [block], "mutations": []}
        await peer.send(WsRequestResult.model_validate(result))

    async with device_at(first, second) as device:
        answer = await device.home("Hi")
        assert (await answer.finish()).status == "completed"
        assert answer.text == "Good morning"


async def test_a_request_that_the_server_never_got_is_sent_again() -> None:
    ids = []

    async def first(peer: Peer) -> None:
        await peer.greet()
        ids.append((await peer.expect(WsHomeRequest)).request_id)
        await cut(peer)

    async def second(peer: Peer) -> None:
        await peer.greet(resume="resumed")
        request = await peer.expect(WsHomeRequest)
        ids.append(request.request_id)
        await peer.send(end(request.request_id))

    async with device_at(first, second) as device:
        assert (await (await device.home("Hi")).finish()).status == "completed"
    assert ids[0] == ids[1]


@pytest.mark.parametrize("listed", [True, False])
async def test_a_lost_answer_is_refused_and_not_asked_again(listed: bool) -> None:
    asked: list[UUID] = []
    shown = trio.Event()

    async def first(peer: Peer) -> None:
        await peer.greet()
        request = await peer.expect(WsHomeRequest)
        assert request.request_id is not None
        asked.append(request.request_id)
        await peer.send(start(asked[0]))
        await shown.wait()
        await cut(peer)

    async def second(peer: Peer) -> None:
        state = {"request_id": asked[0], "state": "lost", "reason": "too many answers are kept"}
        await peer.greet(resume="lost", requests=[state] if listed else [])
        assert (await peer.expect(WsHomeRequest)).message == "next"

    async with device_at(first, second) as device:
        answer = await device.home("Hi")
        await anext(answer)
        shown.set()
        with pytest.raises(RequestRefusedError, match="no longer has this answer"):
            await anext(answer)
        await device.home("next")
        await device.flush()


async def test_a_cancel_without_a_connection_is_sent_after_the_resume() -> None:
    asked: list[UUID] = []
    lost, cancelled = trio.Event(), trio.Event()

    async def first(peer: Peer) -> None:
        await peer.greet()
        request = await peer.expect(WsHomeRequest)
        assert request.request_id is not None
        asked.append(request.request_id)
        await peer.send(start(asked[0]))
        await cut(peer)

    async def second(peer: Peer) -> None:
        lost.set()
        await cancelled.wait()
        await peer.greet(resume="resumed", requests=[{"request_id": asked[0], "state": "running"}])
        assert (await peer.expect(WsCancel)).request_id == asked[0]
        await peer.send(end(asked[0], "cancelled"))

    async with device_at(first, second) as device:
        answer = await device.home("Hi")
        await lost.wait()
        await answer.cancel()
        cancelled.set()
        assert (await answer.finish()).status == "cancelled"


async def test_changes_are_sent_in_order_and_once_over_a_cut(tmp_path: Path) -> None:
    got: list[WsClientMutation] = []
    done = trio.Event()

    async def first(peer: Peer) -> None:
        await peer.greet(changes=KNOWN)
        got.append(await peer.expect(WsClientMutation))
        await cut(peer)

    async def second(peer: Peer) -> None:
        await peer.greet(resume="resumed", changes=KNOWN)
        for number in (8, 9):
            change = await peer.expect(WsClientMutation)
            got.append(change)
            assert change.mutation_id is not None
            await peer.send(WsMutationAck(mutation_id=change.mutation_id, change=number))
        done.set()

    journal = DeviceJournal.load(tmp_path / "journal.json")
    async with device_at(first, second, journal=journal) as device:
        await device.mutate("update", "task", "t-1", {"status": "done"})
        await device.mutate("update", "task", "t-2", {"status": "done"})
        await done.wait()
        # The file is written in a thread, after the change has left the journal in memory.
        while journal.changes or DeviceJournal.load(tmp_path / "journal.json").changes:
            await trio.testing.wait_all_tasks_blocked()
    assert [change.id for change in got] == ["t-1", "t-1", "t-2"]
    assert got[0].mutation_id == got[1].mutation_id
    assert DeviceJournal.load(tmp_path / "journal.json").changes == []


async def test_changes_of_other_devices_are_applied_and_numbered(tmp_path: Path) -> None:
    applied = []
    seen = trio.Event()

    async def apply(change: WsServerMutation) -> None:
        await trio.lowlevel.checkpoint()
        applied.append(change.id)

    async def first(peer: Peer) -> None:
        await peer.greet(changes=KNOWN)
        assert peer.hello is not None
        assert peer.hello.changes_after is None
        own = WsServerMutation(op="delete", entity="task", id="own", change=8, origin_device_id=DEVICE)
        await peer.send(own, WsServerMutation(op="delete", entity="task", id="t-1", change=9))
        assert (await peer.expect(WsChangesSeen)).change == 8
        assert (await peer.expect(WsChangesSeen)).change == 9
        await cut(peer)

    async def second(peer: Peer) -> None:
        await peer.greet(changes={"last": 40, "missed": "lost"})
        assert peer.hello is not None
        assert peer.hello.changes_after == 9
        seen.set()

    states: list[str] = []
    journal = DeviceJournal.load(tmp_path / "journal.json")
    async with device_at(first, second, journal=journal, on_mutation=apply, states=states):
        await seen.wait()
        while journal.last_change != 40:
            await trio.testing.wait_all_tasks_blocked()
    assert applied == ["t-1"]
    assert "resync" in states


async def test_a_server_that_does_not_answer_is_left_after_a_ping() -> None:
    asked: list[UUID | None] = []

    async def silent(peer: Peer) -> None:
        await peer.greet()
        asked.append((await peer.expect(WsHomeRequest)).request_id)
        await peer.expect(WsPing)
        assert await peer.wait_closed() == 1006

    async def second(peer: Peer) -> None:
        await peer.greet(resume="resumed", requests=[{"request_id": asked[0], "state": "running"}])
        for _ in range(3):
            await peer.expect(WsPing)
            await peer.send(WsPong())
        await peer.send(end(asked[0]))

    patience = Patience(silent_s=0.05, probe_s=1, check_s=0.05, first_delay_s=0, max_delay_s=0)
    async with device_at(silent, second, patience=patience) as device:
        assert (await (await device.home("Hi")).finish()).status == "completed"


async def test_a_slow_frame_gets_more_time_after_each_suspicion_until_a_frame_arrives() -> None:
    waits: list[float] = []

    async def silent(peer: Peer, *, answers: bool = False) -> None:
        resumed = bool(waits)
        await peer.greet(resume="resumed" if resumed else "new")
        if resumed:
            await peer.expect(WsPing)  # the first of a resumed socket
        await peer.expect(WsHomeRequest)
        if answers:
            await peer.send(WsPong())
        await peer.expect(WsPing)
        since = trio.current_time()
        await peer.wait_closed()
        waits.append(trio.current_time() - since)

    async def last(peer: Peer) -> None:
        await peer.greet(resume="resumed")
        await peer.expect(WsPing)
        asked = await peer.expect(WsHomeRequest)
        await peer.send(end(asked.request_id))

    patience = Patience(silent_s=0.05, probe_s=0.1, check_s=0.02, first_delay_s=0, max_delay_s=0)
    answering = partial(silent, answers=True)
    async with device_at(silent, silent, silent, answering, silent, last, patience=patience) as device:
        assert (await (await device.home("Hi")).finish()).status == "completed"
    once, twice, four_times, reset, twice_again = waits
    assert once > 0.07, waits
    assert twice > 0.15, waits
    assert four_times > 0.3, waits
    assert reset < four_times, waits
    assert twice_again > 0.15, waits


async def test_a_draining_server_says_when_to_come_back() -> None:
    back = trio.Event()
    closed_at = came_at = 0.0

    async def first(peer: Peer) -> None:
        nonlocal closed_at
        await peer.greet()
        await peer.send(WsDraining(retry_after_ms=300))
        closed_at = trio.current_time()
        await peer.socket.aclose(4001)

    async def second(peer: Peer) -> None:
        nonlocal came_at
        came_at = trio.current_time()
        await peer.greet()
        back.set()

    async with device_at(first, second):
        await back.wait()
    assert came_at - closed_at >= 0.3


async def test_a_busy_server_is_asked_again_also_for_the_first_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[float] = []

    async def busy(peer: Peer) -> None:
        came.append(trio.current_time())
        await peer.receive()
        await peer.socket.aclose(1013, "the server is busy: try again later")

    async def ready(peer: Peer) -> None:
        came.append(trio.current_time())
        await peer.greet()

    monkeypatch.setattr("client.terminal.reconnection._LATER_S", 0.05)
    patience = Patience(first_delay_s=0, max_delay_s=0)
    async with device_at(busy, busy, ready, patience=patience) as device:
        assert device.loss is None
    assert len(came) == 3
    assert min(after - before for before, after in pairwise(came)) >= 0.05
    monkeypatch.setattr("client.terminal.reconnection._BUSY_AT_FIRST_S", 0)
    final = pytest.RaisesExc(ConnectionLostError, check=lambda error: error.code == 1013)
    with pytest.RaisesGroup(final, flatten_subgroups=True):
        async with device_at(busy, patience=patience):
            pass


async def test_a_final_close_ends_the_device() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.expect(WsHomeRequest)
        await peer.send(WsError(code=ErrorCode.INVALID_FRAME, message="News."))
        await peer.socket.aclose(4510)

    async with device_at(script) as device:
        answer = await device.home("Hi")
        with pytest.raises(ConnectionLostError):
            await answer.finish()
        assert isinstance(await device.receive(), WsError)
        with pytest.raises(ConnectionLostError):
            await device.receive()
        with pytest.raises(ConnectionLostError):
            await device.home("again")


def test_a_damaged_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text("[]")
    with pytest.raises(InvalidDataError, match="not a journal"):
        DeviceJournal.load(tmp_path / "journal.json")


async def test_a_note_keeps_the_prompt_and_what_was_typed() -> None:
    printed: list[str] = []
    began, release = trio.Event(), trio.Event()

    def read(_question: str) -> str:
        trio.from_thread.run_sync(began.set)
        trio.from_thread.run(release.wait)
        return "typed"

    prompt = Prompt(read, show=printed.append, typed_so_far=lambda: "ty")
    prompt.above(lambda: printed.append("early"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(prompt.run)
        nursery.start_soon(prompt.ask, "> ")
        await began.wait()
        prompt.above(lambda: printed.append("The connection was lost."))
        release.set()
        await trio.testing.wait_all_tasks_blocked(0.05)
        nursery.cancel_scope.cancel()
    assert printed == ["early", "\r\x1b[K", "The connection was lost.", "> ty"]


async def test_lines_that_are_printed_before_a_question_is_shown_do_not_show_it_twice() -> None:
    printed: list[str] = []
    prompt = Prompt(lambda question: question, show=printed.append, typed_so_far=lambda: "")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(prompt.ask, "> ")
        await trio.testing.wait_all_tasks_blocked()  # the thread that shows the question has not begun
        prompt.above(lambda: printed.append("The connection was lost."))
        nursery.cancel_scope.cancel()
    assert printed == ["The connection was lost."]
