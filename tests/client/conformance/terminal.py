"""The terminal client's device as a client under test: it is driven over the kit's control socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import trio
import trio.testing

from client.terminal.answer import Answer, RequestRefusedError
from client.terminal.calls import Tool, ToolError
from client.terminal.connection import ConnectError, ConnectionLostError, ProtocolError, open_connection
from client.terminal.journal import DeviceJournal
from client.terminal.persistent_device import PersistentDevice, open_persistent_device
from client.terminal.reconnection import DeviceState, Patience
from client.terminal.remote_approvals import RemoteApprovals
from client.terminal.system_locale import ToldLocale
from streaming.wire import (
    WsApprovalClosed,
    WsApprovalRequest,
    WsLocale,
    WsPopupDomain,
    WsScope,
    WsServerMutation,
    WsStreamBlock,
    WsStreamEnd,
    WsStreamStart,
    WsStreamText,
    WsToolCall,
    WsToolEvent,
)

CAN: Final = ("auth_refresh", "ledger", "changes", "approvals", "locale", "popup", "restart", "tool_events")
_QUICK: Final = Patience(first_delay_s=0, max_delay_s=0)
SOON_SILENT: Final = Patience(silent_s=0.1, probe_s=1, check_s=0.1, first_delay_s=0, max_delay_s=0)
_SILENT_CASES: Final = {"silent-server", "half-open"}
Message = dict[str, Any]


class Shown:
    """One answer as a person sees it."""

    def __init__(self) -> None:
        self._state: dict[str, Any] = {"status": "running"}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._calls: dict[UUID, dict[str, Any]] = {}
        self._ends = 0

    async def follow(self, answer: Answer) -> None:
        try:
            async for frame in answer:
                self._add(frame)
        except RequestRefusedError as error:
            self._state |= {"status": "failed", "error": error.frame.model_dump(mode="json")}
        except (ConnectionLostError, ProtocolError) as error:
            self._state |= {"status": "failed", "error": {"code": type(error).__name__, "retryable": False}}

    def _add(self, frame: object) -> None:
        match frame:
            case WsStreamStart():
                self._state["agent"] = frame.agent
            case WsPopupDomain():
                self._state["domain"] = frame.domain
            case WsToolEvent():
                self._calls[frame.call_id] = frame.model_dump(mode="json", include={"call_id", "tool", "state", "code"})
            case WsStreamText():
                before = self._blocks.get(frame.block, {}).get("content", "")
                self._blocks[frame.block] = {"block_type": "text", "content": before + frame.chunk}
            case WsStreamBlock():
                self._blocks[frame.block] = {"block_type": frame.block_type, "data": frame.data}
            case WsStreamEnd():
                assert self._ends == 0, "the answer has ended twice"
                self._ends += 1
                self._state |= frame.model_dump(mode="json", exclude={"type", "seq", "request_id"})

    def state(self) -> Message:
        blocks = [{"block": index, **self._blocks[index]} for index in sorted(self._blocks)]
        return {**self._state, "blocks": blocks, "tools": list(self._calls.values())}


def question(call: WsToolCall | WsApprovalRequest) -> Message:
    return {"call_id": str(call.call_id), "tool": call.tool, "args": call.args}


class Application:
    """A run of the terminal client's device. After a restart there is another one on the same folder."""

    def __init__(self, case: Message, folder: Path, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._tools = case["tools"]
        self._tokens = list(case["tokens"])
        self._scope = trio.CancelScope()
        self._answers: dict[str, tuple[Answer, Shown]] = {}
        self._questions: dict[str, tuple[WsToolCall, list[bool | Message], trio.Event]] = {}
        self._remote: dict[UUID, WsApprovalRequest] = {}
        self._gates: dict[str, trio.Event] = {}
        self._ran: list[Message] = []
        self._applied: list[Message] = []
        self._resyncs = 0
        self._journal_path = folder / "journal.json"
        self.journal = DeviceJournal.load(self._journal_path)
        self.device = PersistentDevice(
            case["url"],
            self._token,
            device_id=UUID(case["device_id"]),
            tools={name: self._tool(name) for name in self._tools},
            journal=self.journal,
            on_approval=self._approve,
            on_mutation=self._apply,
            on_state=self._note,
            approvals=RemoteApprovals(self._ask, self._close),
            locale=ToldLocale(lambda: WsLocale.model_validate(case["locale"]) if "locale" in case else None),
            patience=SOON_SILENT if case["case"] in _SILENT_CASES else _QUICK,
        )
        nursery.start_soon(self._run)

    async def _run(self) -> None:
        with self._scope:
            try:
                async with open_persistent_device(self.device):
                    await trio.sleep_forever()
            except (ConnectError, ConnectionLostError, ProtocolError):
                return  # `device.loss` has it

    def kill(self) -> None:
        """End without a goodbye, as a crash does. The files stay."""
        self._scope.cancel()

    async def act(self, action: Message) -> None:
        match action["do"]:
            case "home":
                self._follow(action["answer"], await self.device.home(action["message"]))
            case "popup":
                scope = WsScope.model_validate(action["scope"])
                self._follow(action["answer"], await self.device.popup(action["message"], scope))
            case "cancel":
                await self._answers[action["answer"]][0].cancel()
            case "mutate":
                await self.device.mutate(action["op"], action["entity"], action["id"], action.get("data"))
            case "decide" if UUID(action["call_id"]) in self._remote:
                assert next(iter(self._remote)) == UUID(action["call_id"]), "the person answers the oldest question"
                del self._remote[UUID(action["call_id"])]
                assert self.device.decide(approved=action["approved"])
            case "decide":
                _, decision, decided = self._questions[action["call_id"]]
                decision.append(action["edited_args"] if "edited_args" in action else bool(action["approved"]))
                decided.set()
            case "release":
                await self._release(action["tool"])
            case other:
                raise AssertionError(f"the terminal client can't do {other}")

    async def _release(self, tool: str) -> None:
        """Let the tool return, and wait until its result is on the disk: what follows comes after it."""
        open_calls = self._calls_without_result()
        self._gates[tool].set()
        with trio.move_on_after(5):
            while open_calls and self._calls_without_result() == open_calls:
                await trio.lowlevel.checkpoint()

    def _calls_without_result(self) -> set[str]:
        calls = DeviceJournal.load(self._journal_path)._calls
        return {call_id for call_id, call in calls.items() if not call.get("result")}

    def state(self) -> Message:
        connected = "online" if self.device._connection.is_connected else "connecting"
        return {
            "connection": "closed" if self.device.loss is not None else connected,
            "answers": {name: shown.state() for name, (_, shown) in self._answers.items()},
            "ran": self._ran,
            "questions": [
                *(question(call) for call, _, _ in self._questions.values()),
                *(question(request) for request in self._remote.values()),
            ],
            "applied": self._applied,
            "resyncs": self._resyncs,
            "unsent": len(self.journal.changes),
            "last_change": DeviceJournal.load(self._journal_path).last_change,
        }

    def _follow(self, name: str, answer: Answer) -> None:
        shown = Shown()
        self._answers[name] = (answer, shown)
        self._nursery.start_soon(shown.follow, answer)

    async def _token(self, refused: bool) -> str:
        await trio.lowlevel.checkpoint()
        if refused:
            self._tokens.pop(0)
        return str(self._tokens[0])

    def _tool(self, name: str) -> Tool:
        tool = self._tools[name]

        async def run(args: Mapping[str, Any]) -> Any:
            self._ran.append({"tool": name, "args": dict(args)})
            await trio.lowlevel.checkpoint()
            if tool.get("wait"):
                await self._gates.setdefault(name, trio.Event()).wait()
            if (error := tool.get("error")) is not None:
                raise ToolError(error["code"], error["message"])
            return tool.get("data")

        return run

    async def _approve(self, call: WsToolCall) -> bool | Message:
        decision: list[bool | Message] = []
        decided = trio.Event()
        self._questions[str(call.call_id)] = (call, decision, decided)
        try:
            await decided.wait()
            return decision[0]
        finally:
            del self._questions[str(call.call_id)]

    def _ask(self, question: WsApprovalRequest) -> None:
        self._remote[question.call_id] = question

    def _close(self, closed: WsApprovalClosed) -> None:
        del self._remote[closed.call_id]

    async def _apply(self, change: WsServerMutation) -> None:
        await trio.lowlevel.checkpoint()
        self._applied.append(change.model_dump(mode="json", exclude={"type", "seq"}))

    def _note(self, state: DeviceState) -> None:
        self._resyncs += state == "resync"


async def run_adapter(control_url: str, folder: Path, can: tuple[str, ...] = CAN) -> list[Message]:
    """Play the cases of `control_url` with the terminal client's device. Returns the verdicts."""
    verdicts: list[Message] = []
    async with open_connection(control_url) as control, trio.open_nursery() as nursery:

        async def say(message: Message) -> None:
            await control.send_raw(json.dumps(message))

        await say({"type": "adapter", "name": "terminal", "can": list(can)})
        case: Message = {}
        place = folder
        application: Application | None = None
        while True:
            try:
                message = json.loads(await control.receive_raw())
            except ConnectionLostError:
                break
            match message["type"]:
                case "case":
                    case = message
                    place = folder / message["case"]
                    place.mkdir(exist_ok=True)
                case "do" if message["do"] == "travel":
                    case["locale"] = message["locale"]
                    await say({"type": "done"})
                case "do" if message["do"] in {"connect", "restart"}:
                    if application is not None:
                        application.kill()
                        await trio.testing.wait_all_tasks_blocked()
                    application = Application(case, place, nursery)
                    await say({"type": "done"})
                case "do":
                    assert application is not None
                    try:
                        await application.act(message)
                    except Exception as error:  # noqa: BLE001 - the runner reports it
                        await say({"type": "failed", "message": repr(error)})
                    else:
                        await say({"type": "done"})
                case "show":
                    assert application is not None
                    await say({"type": "state", "state": application.state()})
                case "verdict":
                    verdicts.append(message)
                    if application is not None:
                        application.kill()
                        application = None
        nursery.cancel_scope.cancel()
    return verdicts
