"""A conversation in the terminal: questions, answers, approvals, and the handling of Ctrl-C."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

import trio

from client.terminal.answer import Answer, RequestRefusedError
from client.terminal.connection import ConnectionLostError, ProtocolError
from client.terminal.persistent_device import PersistentDevice
from client.terminal.prompt import Prompt
from client.terminal.remote_approvals import RemoteApprovals
from client.terminal.renderer import Renderer, error_line
from client.terminal.store import DeviceStore
from client.terminal.tools import DeviceTools
from streaming.wire import (
    WsApprovalClosed,
    WsApprovalRequest,
    WsError,
    WsHistoryMessage,
    WsScope,
    WsToolCall,
)

HELP = """Ask about your tasks, projects, notes and checkpoints. "help" asks the model what it can do.
/tasks /projects /notes /checkpoints    show the items on this device
/popup ENTITY[:ID] MESSAGE              ask in a popup, for example: /popup task:t-1 what is this?
/done TASK_ID                           mark a task as done, here and on your other devices
/help                                   show this help
/quit                                   exit
Ctrl-C stops an answer. Press it twice at the prompt to exit."""
_REMEMBERED = 20
_CLOSED = {
    "approved": "The question was answered with yes on another device.",
    "denied": "The question was answered with no on another device.",
    "expired": "The question was not answered in time.",
    "cancelled": "The question needs no answer any more.",
}
_DECISIONS = {"y": True, "yes": True, "n": False, "no": False}
_LISTS = {"/tasks": "task", "/projects": "project", "/notes": "note", "/checkpoints": "checkpoint"}


class Session:
    """A conversation on one device. One answer runs at a time."""

    def __init__(
        self,
        device: PersistentDevice,
        tools: DeviceTools,
        renderer: Renderer,
        prompt: Prompt | None,
        question: str = "> ",
    ) -> None:
        self._device = device
        self._tools = tools
        self._renderer = renderer
        self._prompt = prompt
        self._question = question
        self._conversation_id = str(uuid4())
        self._history: list[WsHistoryMessage] = []
        self._running: Answer | None = None
        self._warned = False
        self._left = trio.CancelScope()

    async def ask(self, message: str) -> str:
        """Ask from the home view and show the answer. Returns its status, or `refused`."""
        history = self._history[-_REMEMBERED:]
        conversation = self._conversation_id
        status, text = await self._show(
            lambda: self._device.home(message, history=history, conversation_id=conversation)
        )
        if status == "completed" and text:
            self._history += [
                WsHistoryMessage(role="user", content=message),
                WsHistoryMessage(role="assistant", content=text),
            ]
        return status

    async def ask_once(self, message: str) -> str:
        """Like `ask`, but returns `cancelled` if Ctrl-C was pressed twice."""
        with self._left:
            return await self.ask(message)
        return "cancelled"

    async def converse(self) -> None:
        """Prompt and answer until the end of the input, `/quit`, or Ctrl-C pressed twice."""
        if self._prompt is None:
            raise RuntimeError("a conversation needs a prompt")
        with self._left:
            while (line := await self._prompt.ask(self._question)) is not None:
                self._warned = False
                line = line.strip()
                if line in {"/quit", "/exit"}:
                    return
                if line:
                    await self._take(line)

    async def interrupt(self) -> None:
        """Handle Ctrl-C: stop the running answer. A second one exits, at the prompt or if no answer stops."""
        if self._warned:
            self._left.cancel()
            return
        self._warned = True
        if self._running is not None:
            with suppress(ConnectionLostError, ProtocolError):  # reading the answer raises the same error
                await self._running.cancel()
        else:
            self._renderer.note("\nPress Ctrl-C again to exit.")  # after the line with the prompt

    async def show_notices(self) -> None:
        """Show errors that belong to no answer. End the conversation when the connection ends."""
        with suppress(ConnectionLostError, ProtocolError):
            while True:
                frame = await self._device.receive()
                if isinstance(frame, WsError):
                    self._renderer.error(error_line(frame))
        if self._running is None:
            self._left.cancel()

    async def _take(self, line: str) -> None:
        decision = _DECISIONS.get(line.lower())
        if decision is not None and self._device.decide(approved=decision):
            return
        command, _, rest = line.partition(" ")
        if command in _LISTS:
            self._renderer.items(_LISTS[command], self._tools.store)
        elif command == "/popup":
            await self._popup(rest.strip())
        elif command == "/done":
            await self._done(rest.strip())
        elif command.startswith("/"):
            self._renderer.note(HELP)
        else:
            await self.ask(line)

    async def _popup(self, rest: str) -> None:
        target, _, message = rest.partition(" ")
        entity, _, identity = target.partition(":")
        if entity not in _LISTS.values() or not message.strip():
            self._renderer.note(HELP)
            return
        scope = WsScope.model_validate({"type": entity, "id": identity or None})
        await self._show(lambda: self._device.popup(message.strip(), scope))

    async def _done(self, identity: str) -> None:
        try:
            item = self._tools.store.update("task", identity, {"status": "done"})
        except LookupError as error:
            self._renderer.error(str(error))
            return
        await self._tools.save()
        await self._device.mutate("update", "task", identity, item)
        self._renderer.note(f"Done: {item['title']}")

    async def _show(self, ask: Callable[[], Awaitable[Answer]]) -> tuple[str, str]:
        answer = self._running = await ask()
        try:
            async for frame in answer:
                self._renderer.frame(frame)
        except RequestRefusedError as error:
            self._renderer.error(error_line(error.frame))
            return "refused", ""
        finally:
            self._running = None
            self._warned = False
        return (answer.end.status if answer.end is not None else "failed"), answer.text


def remote_approvals(renderer: Renderer, prompt: Prompt, store: DeviceStore) -> RemoteApprovals:
    """Return the approvals of other devices, for a conversation: y or n at the prompt answers the oldest question."""

    def show(request: WsApprovalRequest) -> None:
        call = WsToolCall(
            call_id=request.call_id,
            request_id=request.request_id,
            tool=request.tool,
            args=request.args,
            deadline_ms=request.expires_ms,
            requires_approval=True,
        )

        def print_question() -> None:
            renderer.approval(call, store.name_of(call.tool.rpartition("_")[2], call.args.get("id")))
            renderer.note("Another device of yours asks this. Type y or n.")

        prompt.above(print_question)

    def closed(frame: WsApprovalClosed) -> None:
        prompt.above(lambda: renderer.note(_CLOSED[frame.outcome]))

    return RemoteApprovals(show, closed)


def approver(
    renderer: Renderer, prompt: Prompt | None, store: DeviceStore, *, everything: bool
) -> Callable[[WsToolCall], Awaitable[bool]]:
    """Return a function that decides on calls: always yes with `everything`, else asks; without a prompt, no."""

    async def approve(call: WsToolCall) -> bool:
        question = renderer.approval(call, store.name_of(call.tool.rpartition("_")[2], call.args.get("id")))
        if everything:
            return True
        if prompt is None:
            renderer.note("Refused, because there is no terminal to ask on. Use --yes to approve every call.")
            return False
        try:
            line = await prompt.ask(question)
        except trio.Cancelled:
            renderer.left_open()  # the question has no line end, because the person pressed no Enter
            raise
        return (line or "").strip().lower() in {"y", "yes"}

    return approve
