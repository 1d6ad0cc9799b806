"""Two devices of one user: the owner of a call that needs approval, and another device that is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from agents.limits import AgentLimits
from tests.server.memory_server import MemoryServer
from tests.server.memory_socket import MemorySocket
from tests.server.scripted_model import call, text_block
from tests.server.sessions.resuming_client import home

FEATURES = ["ledger", "approvals"]
DELETED = {"id": "t1"}


@dataclass
class Asked:
    """A request that waits for the approval of `call` on the device `owner`; `others` were asked too."""

    stack: MemoryServer
    owner: MemorySocket
    others: list[MemorySocket]
    call: dict[str, Any]
    owner_id: str
    first_id: str = ""
    second_id: str = ""

    @property
    def call_id(self) -> str:
        return str(self.call["call_id"])

    async def approve(self, socket: MemorySocket, *, approved: bool = True, **fields: Any) -> None:
        await socket.say(type="approval", call_id=self.call_id, approved=approved, **fields)

    async def answer(self, call_id: str, **result: Any) -> None:
        await self.owner.say(type="tool_result", call_id=call_id, **result)

    async def fail(self, call_id: str, code: str) -> None:
        await self.answer(call_id, ok=False, error={"code": code, "message": code})

    async def withdrawn(self) -> None:
        """The owner is asked to confirm that it has not started the call."""
        frame = (await self.owner.hear_until("tool_cancel"))[-1]
        assert (frame["call_id"], frame["confirm"]) == (self.call_id, True)

    async def closed(self, outcome: str, device_id: str | None) -> None:
        """Every other device is told the outcome."""
        for socket in self.others:
            frame = await socket.hear()
            assert (frame["type"], frame["call_id"], frame["outcome"]) == ("approval_closed", self.call_id, outcome)
            assert frame.get("device_id") == device_id

    async def end(self) -> dict[str, Any]:
        end = (await self.owner.hear_until("stream_end"))[-1]
        assert not len(self.stack.registry.approvals)
        return end

    def told(self) -> str:
        """What the model was told about the call."""
        return str([message.content for message in self.stack.model.requests[-1].messages if message.role == "tool"])


@asynccontextmanager
async def asked(
    others: int = 1, *, owner_features: list[str] = FEATURES, creates: bool = False
) -> AsyncIterator[Asked]:
    """A device asks for the approval of a delete, or of a create: this server is configured to ask for it, too."""
    stack = MemoryServer(agent_limits=AgentLimits(approval_tools=frozenset({"create_task"}), router_asks="always"))
    stack.model.answer(call("create_task", title="Walk") if creates else call("delete_task", id="t1"))
    stack.model.answer(text_block("Well."))
    ids = [uuid4() for _ in range(others + 1)]
    async with AsyncExitStack() as devices:
        await devices.enter_async_context(stack.running())
        owner = await devices.enter_async_context(stack.device(device_id=ids[0], features=owner_features))
        sockets = [
            await devices.enter_async_context(stack.device(device_id=device_id, features=FEATURES))
            for device_id in ids[1:]
        ]
        await owner.say(**home())
        frame = (await owner.hear_until("tool_call"))[-1]
        assert frame["requires_approval"]
        yield Asked(stack, owner, sockets, frame, *map(str, ids))


async def hear_request(about: Asked) -> None:
    for socket in about.others:
        request = await socket.hear()
        assert request["type"] == "approval_request"
        for name in ("call_id", "request_id", "tool", "args"):
            assert request[name] == about.call[name]
        assert 0 < request["expires_ms"] <= 120_000
