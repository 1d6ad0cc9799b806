"""The terminal client on a pseudo-terminal: what it leaves to the shell."""

from __future__ import annotations

import os
import sys
import termios
from pathlib import Path

import pytest
import trio

from client.terminal.app import EXIT_FAILED
from client.terminal.terminal_mode import unread
from streaming.wire import WsHomeRequest, WsPing, WsPong
from tests.client.peer import Peer, open_peer

ROOT = Path(__file__).parents[2]


class Screen:
    """The other end of a pseudo-terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.text = ""

    async def shows(self, text: str) -> None:
        while text not in self.text:
            await trio.lowlevel.wait_readable(self._descriptor)
            self.text += os.read(self._descriptor, 65536).decode()

    def types(self, text: str) -> None:
        os.write(self._descriptor, text.encode())


async def asked(peer: Peer) -> None:
    """Wait for a question. On a busy machine, the client asks first whether the server is alive."""
    while not isinstance(frame := await peer.receive(), WsHomeRequest):
        assert isinstance(frame, WsPing), frame
        await peer.send(WsPong())


@pytest.mark.parametrize("busy", [True, False])
async def test_a_half_typed_question_is_shown_and_not_left_to_the_shell(
    rest: str, tmp_path: Path, *, busy: bool
) -> None:
    """`busy`: typed while an answer runs, which nobody reads; otherwise at the prompt, which line editing reads."""
    answering, typed = trio.Event(), trio.Event()

    async def script(peer: Peer) -> None:
        if busy:
            await asked(peer)
            answering.set()
        await typed.wait()
        await peer.socket.aclose(4510)

    master, slave = os.openpty()
    screen = Screen(master)
    modes = termios.tcgetattr(slave)
    async with open_peer(script) as url:
        command = [sys.executable, "-m", "client.terminal", "--url", url, "--rest", rest, "--state", str(tmp_path)]
        environment = {**os.environ, "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        with trio.fail_after(60):
            client = await trio.lowlevel.open_process(
                command, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=environment
            )
            try:
                await screen.shows("> ")
                if busy:
                    screen.types("hello\n")
                    # By then line editing has ended, so the terminal shows what is typed.
                    await answering.wait()
                screen.types("rm -r half a question")
                await screen.shows("half a question")
                typed.set()
                await screen.shows("This was not sent: rm -r half a question")
                code = await client.wait()
            finally:
                client.kill()
                with trio.CancelScope(shield=True):
                    await client.wait()
    assert code == EXIT_FAILED
    assert "Another terminal has connected as this device." in screen.text
    assert termios.tcgetattr(slave) == modes
    assert unread(slave) == ""
    os.close(master)
    os.close(slave)
