"""The terminal client from sign-in to exit, with a scripted socket and a small REST server."""

from __future__ import annotations

import io
import os
import signal
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
import trio
from rich.console import Console

from client.terminal.app import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, Options, run
from client.terminal.device_login import DeviceLogin
from client.terminal.prompt import PipeReader, Prompt
from client.terminal.store import InvalidDataError
from streaming.wire import (
    WsApproval,
    WsApprovalClosed,
    WsApprovalRequest,
    WsCancel,
    WsClientMutation,
    WsError,
    WsHomeRequest,
    WsMutationRecord,
    WsPopupRequest,
    WsToolAccepted,
    WsToolCancel,
    WsToolResult,
)
from streaming.wire.codes import ErrorCode
from tests.client.peer import Peer, call, end, open_peer, start, text


class Typist:
    """Returns the lines of a script one by one, then the end of the input or nothing."""

    def __init__(self, *lines: str, ends: bool = True) -> None:
        self._lines = list(lines)
        self._ends = ends
        self.questions: list[str] = []
        self._read, self._write = os.pipe()

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        if self._lines:
            return self._lines.pop(0)
        if not self._ends:
            os.read(self._read, 1)
        raise EOFError

    def close(self) -> None:
        os.close(self._write)


async def sit(
    script: Callable[[Peer], Awaitable[None]],
    rest: str,
    state: Path,
    typist: Typist | None = None,
    *,
    message: str | None = None,
    everything: bool = False,
    greet: bool = True,
) -> tuple[int, str]:
    """Run the client. Returns its exit code and its output."""
    console = Console(file=io.StringIO(), width=100, highlight=False, color_system=None)
    prompt = Prompt(typist, show=lambda _: None) if typist is not None else None
    async with open_peer(script, greet=greet) as url:
        options = Options(url, rest, state, message=message, approve_everything=everything)
        code = await run(options, console, prompt, interactive=typist is not None)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


async def answer(peer: Peer, said: str, status: str = "completed") -> WsHomeRequest:
    asked = await peer.expect(WsHomeRequest)
    await peer.send(start(asked.request_id), text(asked.request_id, said), end(asked.request_id, status))
    return asked


@pytest.mark.parametrize(
    ("status", "code"), [("completed", EXIT_OK), ("failed", EXIT_FAILED), ("cancelled", EXIT_INTERRUPTED)]
)
async def test_one_message_and_its_exit_code(rest: str, tmp_path: Path, status: str, code: int) -> None:
    async def script(peer: Peer) -> None:
        asked = await answer(peer, "hello back", status)
        assert asked.message == "hello"

    found, said = await sit(script, rest, tmp_path, message="hello")
    assert found == code
    assert said.startswith("Tasks\nhello back\n")


async def test_the_account_is_stored_and_private(rest: str, tmp_path: Path) -> None:
    ids = []

    async def script(peer: Peer) -> None:
        assert peer.hello is not None
        ids.append(peer.hello.device_id)
        await answer(peer, "hi")

    for _ in range(2):
        assert (await sit(script, rest, tmp_path, message="hello"))[0] == EXIT_OK
    assert ids[0] == ids[1]
    assert stat.S_IMODE((tmp_path / "account.json").stat().st_mode) == 0o600
    (tmp_path / "account.json").write_text("{}")
    with pytest.raises(InvalidDataError, match="Delete it"):
        DeviceLogin.load(tmp_path / "account.json", rest)


async def test_a_conversation_has_one_id_until_a_new_one_begins(rest: str, tmp_path: Path) -> None:
    asked = []

    async def script(peer: Peer) -> None:
        for said, status in (("first answer", "completed"), ("half", "cancelled"), ("third", "completed")):
            asked.append(await answer(peer, said, status))

    typist = Typist("one", "", "two", "/new", "three", "/quit", "never asked")
    code, said = await sit(script, rest, tmp_path, typist)
    assert code == EXIT_OK
    assert "third" in said
    assert "A new conversation begins." in said
    first, second, third = (request.conversation_id for request in asked)
    assert first
    assert first == second != third
    # The server has the exchanges; a history of the client would replace them.
    assert [request.conversation_history for request in asked] == [[], [], []]
    assert typist.questions == ["> "] * 6


async def test_a_restart_goes_on_with_the_conversation(rest: str, tmp_path: Path) -> None:
    asked = []

    async def script(peer: Peer) -> None:
        asked.append(await answer(peer, "an answer"))

    outputs = [(await sit(script, rest, tmp_path, Typist("hello", "/quit")))[1] for _ in range(2)]
    assert asked[0].conversation_id == asked[1].conversation_id
    assert ["Your last conversation goes on." in said for said in outputs] == [False, True]
    # One question on the command line belongs to no conversation at the prompt.
    await sit(script, rest, tmp_path, message="hello")
    assert asked[2].conversation_id != asked[0].conversation_id
    (tmp_path / "conversation.json").write_text("broken")
    await sit(script, rest, tmp_path, Typist("hello", "/quit"))
    assert asked[3].conversation_id not in {request.conversation_id for request in asked[:3]}


async def test_help_and_questions_are_in_the_persons_language(
    rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_AT.UTF-8")

    async def script(peer: Peer) -> None:
        asked = await peer.expect(WsHomeRequest)
        await peer.send(call("delete_task", {"id": "t-1"}, approval=True))
        await peer.expect(WsToolAccepted)
        await peer.expect(WsToolResult)
        await peer.send(end(asked.request_id))

    code, said = await sit(script, rest, tmp_path, Typist("lösche es", "j", "/help", "/done t-2", "/quit"))
    assert code == EXIT_OK
    assert said.count("Fragen Sie nach Aufgaben") == 2
    assert "löschen? Das lässt sich nicht rückgängig machen." in said
    assert "Erledigt: " in said
    assert "Verbunden mit " in said


async def test_commands(rest: str, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        popup = await peer.expect(WsPopupRequest)
        assert (popup.scope.type, popup.scope.id, popup.message) == ("task", "t-1", "what is this?")
        await peer.send(end(popup.request_id))
        mutation = await peer.expect(WsClientMutation)
        assert (mutation.op, mutation.id) == ("update", "t-1")
        assert mutation.data is not None
        assert mutation.data["status"] == "done"

    typist = Typist("/popup task:t-1 what is this?", "/done t-1", "/done t-99", "/projects", "/popup nonsense", "/what")
    code, said = await sit(script, rest, tmp_path, typist)
    assert code == EXIT_OK
    assert "Done: Send the signed contract" in said
    assert "no task with the id t-99" in said
    assert "Harbour website" in said
    assert said.count("/popup ENTITY[:ID] MESSAGE") == 3
    assert "/new " in said


@pytest.mark.parametrize(
    ("typed", "everything", "allowed"),
    [("y", False, True), ("n", False, False), ("", False, False), (None, True, True), (None, False, False)],
)
async def test_approvals(rest: str, tmp_path: Path, typed: str | None, everything: bool, allowed: bool) -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.expect(WsHomeRequest)
        await peer.send(call("delete_task", {"id": "t-1"}, approval=True))
        if allowed:
            await peer.expect(WsToolAccepted)
        result = await peer.expect(WsToolResult)
        assert result.ok is allowed
        ended = end(asked.request_id)
        if allowed:
            gone = WsMutationRecord(op="delete", entity="task", id="t-1", data=None)
            ended = ended.model_copy(update={"mutations": [gone]})
        await peer.send(ended)

    if typed is None:
        code, said = await sit(script, rest, tmp_path, message="delete it", everything=everything)
    else:
        code, said = await sit(script, rest, tmp_path, Typist("delete it", typed))
    assert code == EXIT_OK
    assert 'Delete "Send the signed contract to Marta"? You can\'t undo this.' in said
    assert ("deleted task: Send the signed contract to Marta" in said) is allowed


@pytest.mark.parametrize(("typed", "approved"), [("y", True), ("No", False)])
async def test_an_approval_of_another_device_is_answered_at_the_prompt(
    rest: str, tmp_path: Path, typed: str, approved: bool
) -> None:
    async def script(peer: Peer) -> None:
        assert peer.hello is not None
        assert "approvals" in (peer.hello.features or [])
        await peer.send(approval_request("t-1"))
        await answer(peer, "hi")
        decided = await peer.expect(WsApproval)
        assert decided.approved is approved
        await peer.send(WsApprovalClosed(call_id=decided.call_id, outcome="approved" if approved else "denied"))
        await answer(peer, "No question is open.")

    code, said = await sit(script, rest, tmp_path, Typist("hello", typed, "hello again"))
    assert code == EXIT_OK
    assert 'Delete "Send the signed contract to Marta"? You can\'t undo this.' in said
    assert "Another device of yours asks this. Type y or n." in said
    assert "on another device" not in said  # the person knows


async def test_an_approval_that_is_decided_elsewhere_is_closed(rest: str, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        wanted = approval_request("t-1")
        await peer.send(wanted, WsApprovalClosed(call_id=wanted.call_id, outcome="approved"))
        await answer(peer, "hi")
        assert (await answer(peer, "What do you mean?")).message == "y"

    code, said = await sit(script, rest, tmp_path, Typist("hello", "y"))
    assert code == EXIT_OK
    assert "The question was answered with yes on another device." in said


def approval_request(identity: str) -> WsApprovalRequest:
    return WsApprovalRequest(
        call_id=uuid4(), request_id=uuid4(), tool="delete_task", args={"id": identity}, expires_ms=60_000
    )


async def test_an_interrupt_cancels_the_answer(rest: str, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.expect(WsHomeRequest)
        await peer.send(start(asked.request_id))
        signal.raise_signal(signal.SIGINT)
        assert (await peer.expect(WsCancel)).request_id == asked.request_id
        await peer.send(end(asked.request_id, "cancelled"))
        await answer(peer, "still here")

    code, said = await sit(script, rest, tmp_path, Typist("long one", "short one"))
    assert code == EXIT_OK
    assert "Stopped." in said
    assert "still here" in said


async def test_two_interrupts_at_the_prompt_exit(rest: str, tmp_path: Path) -> None:
    typist = Typist("hello", ends=False)

    async def script(peer: Peer) -> None:
        await answer(peer, "hi")
        await trio.testing.wait_all_tasks_blocked(0.05)
        signal.raise_signal(signal.SIGINT)
        await trio.testing.wait_all_tasks_blocked(0.05)
        signal.raise_signal(signal.SIGINT)

    with trio.fail_after(60):
        code, said = await sit(script, rest, tmp_path, typist)
    typist.close()
    assert code == EXIT_OK
    assert "Press Ctrl-C again to exit." in said


async def test_a_second_interrupt_exits_if_the_answer_does_not_stop(rest: str, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.expect(WsHomeRequest)
        signal.raise_signal(signal.SIGINT)
        await peer.expect(WsCancel)
        signal.raise_signal(signal.SIGINT)

    with trio.fail_after(60):
        code, _ = await sit(script, rest, tmp_path, message="endless")
    assert code == EXIT_INTERRUPTED


async def test_the_next_question_gets_the_line_of_a_withdrawn_one(rest: str, tmp_path: Path) -> None:
    read, write = os.pipe()
    reader = PipeReader(read)
    shown: list[str] = []
    prompt = Prompt(reader, show=shown.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(prompt.run)
        with trio.CancelScope() as scope:
            nursery.start_soon(_cancel_when_blocked, scope)
            await prompt.ask("Allow it? ")
        os.write(write, b"next\nlast")
        assert await prompt.ask("> ") == "next"
        assert shown == ["> "]
        os.close(write)
        assert await prompt.ask("> ") == "last"
        assert await prompt.ask("> ") is None
        nursery.cancel_scope.cancel()
    os.close(read)


async def _cancel_when_blocked(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


async def test_a_withdrawn_approval_does_not_end_the_conversation(rest: str, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.expect(WsHomeRequest)
        wanted = call("delete_task", {"id": "t-1"}, approval=True)
        await peer.send(wanted, WsToolCancel(call_id=wanted.call_id), end(asked.request_id, "cancelled"))

    code, _ = await sit(script, rest, tmp_path, Typist("delete it", "/quit", "/quit"))
    assert code == EXIT_OK


async def test_refusals_and_other_errors_are_shown(rest: str, tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        asked = await peer.expect(WsHomeRequest)
        await peer.send(
            WsError(code=ErrorCode.INVALID_FRAME, message="News.", request_id=None),
            WsError(code=ErrorCode.RATE_LIMITED, message="Slowly.", request_id=asked.request_id),
        )

    code, said = await sit(script, rest, tmp_path, message="hello")
    assert code == EXIT_FAILED
    assert "Slowly. (rate_limited)" in said
    assert "News. (invalid_frame)" in said


@pytest.mark.parametrize(("close_code", "advice"), [(4510, "Another terminal"), (4503, "4503"), (1008, "1008")])
@pytest.mark.parametrize("busy", [True, False])
async def test_a_connection_that_is_closed_for_good_ends_the_client(
    rest: str, tmp_path: Path, close_code: int, advice: str, busy: bool
) -> None:
    typist = Typist(*(["hello"] if busy else []), ends=False)

    async def script(peer: Peer) -> None:
        if busy:
            await peer.expect(WsHomeRequest)
        await peer.socket.aclose(close_code)

    with trio.fail_after(60):
        code, said = await sit(script, rest, tmp_path, typist)
    typist.close()
    assert code == EXIT_FAILED
    assert advice in said


async def test_a_lost_connection_keeps_the_conversation(rest: str, tmp_path: Path) -> None:
    asked: list[WsHomeRequest] = []

    async def script(peer: Peer) -> None:
        asked.append(await answer(peer, "second answer" if asked else "first answer"))
        if len(asked) == 1:
            await trio.aclose_forcefully(peer.socket._stream)

    with trio.fail_after(60):
        code, said = await sit(script, rest, tmp_path, Typist("one", "two", "/quit"))
    assert code == EXIT_OK
    assert "second answer" in said
    assert "Connecting again" in said
    assert asked[0].conversation_id == asked[1].conversation_id
