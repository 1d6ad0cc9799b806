"""A conversation in the terminal: questions, answers, approvals, and the handling of Ctrl-C."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import trio

from client.terminal.answer import Answer, RequestRefusedError
from client.terminal.connection import ConnectionLostError, ProtocolError
from client.terminal.conversation import Conversation
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
    WsScope,
    WsToolCall,
    WsToolEvent,
)

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
        conversation: Conversation | None = None,
    ) -> None:
        self._device = device
        self._tools = tools
        self._renderer = renderer
        self._prompt = prompt
        self._question = question
        self._conversation = conversation or Conversation()
        self._running: Answer | None = None
        self._warned = False
        self._left = trio.CancelScope()

    async def ask(self, message: str) -> str:
        """Ask from the home view and show the answer. Returns its status, or `refused`.

        The server adds the exchanges of the conversation, which it has stored.
        """
        conversation = self._conversation.id
        return await self._show(lambda: self._device.home(message, conversation_id=conversation))

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
            self._prompted(lambda: self._renderer.note(self._renderer.say("exit_warning")))

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
        decision = self._renderer.decision(line)
        if decision is not None and self._device.decide(approved=decision):
            return
        command, _, rest = line.partition(" ")
        if command in _LISTS:
            self._renderer.items(_LISTS[command], self._tools.store)
        elif command == "/popup":
            await self._popup(rest.strip())
        elif command == "/done":
            await self._done(rest.strip())
        elif command == "/new":
            await trio.to_thread.run_sync(self._conversation.begin)
            self._renderer.note(self._renderer.say("new_conversation"))
        elif command.startswith("/"):
            self._renderer.note(self._renderer.say("help"))
        else:
            await self.ask(line)

    async def _popup(self, rest: str) -> None:
        target, _, message = rest.partition(" ")
        entity, _, item_id = target.partition(":")
        if entity not in _LISTS.values() or not message.strip():
            self._renderer.note(self._renderer.say("help"))
            return
        scope = WsScope.model_validate({"type": entity, "id": item_id or None})
        await self._show(lambda: self._device.popup(message.strip(), scope))

    async def _done(self, item_id: str) -> None:
        try:
            item = self._tools.store.update("task", item_id, {"status": "done"})
        except LookupError as error:
            self._renderer.error(str(error))
            return
        await self._tools.save()
        await self._device.mutate("update", "task", item_id, item)
        self._renderer.note(self._renderer.say("done", name=item["title"]))

    def _prompted(self, print_lines: Callable[[], None]) -> None:
        """Print above the question that waits. The text that the person has typed stays."""
        if self._prompt is None:
            print_lines()
        else:
            self._prompt.above(print_lines)

    async def _show(self, ask: Callable[[], Awaitable[Answer]]) -> str:
        answer = self._running = await ask()
        try:
            async for frame in answer:
                if isinstance(frame, WsToolEvent):
                    # It may come while the person is asked about another call.
                    self._prompted(partial(self._renderer.frame, frame))
                else:
                    self._renderer.frame(frame)
        except RequestRefusedError as error:
            self._renderer.error(error_line(error.frame))
            return "refused"
        finally:
            self._running = None
            self._warned = False
        return answer.end.status if answer.end is not None else "failed"


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
            renderer.note(renderer.say("elsewhere"))

        prompt.above(print_question)

    def closed(frame: WsApprovalClosed) -> None:
        prompt.above(lambda: renderer.note(renderer.say(f"closed_{frame.outcome}")))

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
            renderer.note(renderer.say("no_terminal"))
            return False
        try:
            line = await prompt.ask(question)
        except trio.Cancelled:
            renderer.left_open()  # the question has no line end, because the person pressed no Enter
            raise
        return renderer.decision(line or "") is True

    return approve
