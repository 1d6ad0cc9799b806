"""A server without a network: real router, agents, formatter, outbox and session on a memory socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import trio

from agents.limits import AgentLimits
from agents.model import Models
from agents.orchestrator import Orchestrator
from memory import Forgotten
from memory.delivery import LoggedChange
from person import Sentences, StatedLocale
from server.accounts.credentials import Tokens
from server.answers.pipeline import AnswerPipeline
from server.devices.calls import ToolTimeouts
from server.devices.registry import DeviceRegistry
from server.memory_service import AnswerMemory, ChangeSource, ConversationContext, RecalledContext
from server.memory_service.entity_changes import Logged
from server.memory_service.obedience import Obeyed
from server.models.spending import TokenSpending
from server.requests import AnswerLimits, ChatInput, RequestClaims
from server.sessions.host import SessionHost
from server.sessions.kept import KeptAnswers
from server.sessions.limits import SessionLimits
from server.sockets.device_socket import DeviceSocket
from server.sockets.handshake import shake_hands
from server.sockets.handshake_limit import HandshakeLimit
from server.sockets.user_sockets import BytesIn
from server.sockets.view import SocketView
from server.telemetry.metrics import Metrics
from streaming.wire import WsFailure, WsMutationRecord
from tests.server.memory_socket import MemorySocket
from tests.server.scripted_model import ScriptedModel

EPOCH = 1_800_000_000.0
KEEP_S = 900.0
LIMITS = SessionLimits(
    max_frame_bytes=1 << 20,
    max_concurrent_requests=8,
    max_message_chars=100,
    frames_per_s=50,
    frames_burst=200,
    outbox_bytes=4096,
    outbox_stall_s=30,
    heartbeat_s=25,
)


def wall_clock() -> float:
    """Seconds since the epoch, as if trio's clock had started at `EPOCH`. Jumps with `autojump_clock`."""
    return EPOCH + trio.current_time()


class NoMemory:
    """An `AnswerMemory` that stores nothing, for tests without a database."""

    async def obey(self, chat: ChatInput, sentences: Sentences) -> Obeyed:
        """Messages have no wishes."""
        del chat
        return Obeyed()

    async def recall(
        self,
        user_id: UUID,
        message: str,
        locales: Sequence[StatedLocale] = (),
        conversation_id: str | None = None,
    ) -> RecalledContext:
        """Nothing is recalled."""
        del user_id, message, locales
        return RecalledContext()

    async def conversation(self, user_id: UUID, conversation_id: str) -> ConversationContext:
        """No conversation is stored."""
        del user_id, conversation_id
        return ConversationContext()

    async def quota_reached(self, user_id: UUID) -> WsFailure | None:
        """Without a quota: nothing is refused."""
        del user_id
        return None

    def change_refused(self, user_id: UUID) -> WsFailure | None:
        """Without a quota: nothing is refused."""
        del user_id
        return None

    async def store(
        self,
        chat: ChatInput,
        response: str,
        agent: str | None,
        recalled: RecalledContext,
        asked_at: datetime,
        *,
        complete: bool = True,
        time_zone: str | None = None,
        facts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Nothing is stored."""

    def changed(self, user_id: UUID, change: WsMutationRecord, source: ChangeSource, logged: Logged) -> bool:
        """The change gets the next number, as if it had been stored."""
        del user_id, change, source
        self._numbers = getattr(self, "_numbers", 0) + 1
        logged(LoggedChange(self._numbers, is_new=True))
        return True

    async def forget(self, user_id: UUID, item_id: UUID, *, preview: bool = False) -> Forgotten:
        """Nothing is removed."""
        del user_id, item_id, preview
        return Forgotten()


@dataclass
class MemoryServer:
    """The parts of the server, open to tests."""

    limits: SessionLimits = LIMITS
    model: ScriptedModel = field(default_factory=ScriptedModel)
    models: Models | None = None  # instead of `model`
    registry: DeviceRegistry = field(default_factory=DeviceRegistry)
    metrics: Metrics = field(default_factory=Metrics)
    tokens: Tokens = field(default_factory=lambda: Tokens([b"k" * 32], lifetime_s=3600, clock=wall_clock))
    user_id: UUID = field(default_factory=uuid4)
    spending: TokenSpending | None = None
    claims: RequestClaims | None = None
    # The scripted model names the agent, so that a test's message does not have to.
    agent_limits: AgentLimits = field(default_factory=lambda: AgentLimits(router_asks="always"))
    memory: AnswerMemory = field(default_factory=NoMemory)
    store: KeptAnswers | None = None
    bytes_in: BytesIn | None = None

    def __post_init__(self) -> None:
        self.pipeline = AnswerPipeline(
            Orchestrator(self.models or Models(answer=self.model, router=self.model), self.agent_limits),
            self.registry,
            self.metrics,
            ToolTimeouts(call_s=30, approval_s=120),
            AnswerLimits(300, self.limits.max_concurrent_requests, self.limits.max_message_chars, KEEP_S),
            wall_clock=wall_clock,
            memory=self.memory,
            spending=self.spending,
            claims=self.claims,
        )
        self.sessions = SessionHost(self.pipeline, self.registry, self.limits, answer_keep_s=KEEP_S, store=self.store)
        self._runs = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the sessions' requests; on exit they are cancelled. Does nothing inside another `running`."""
        if self._runs:
            yield
            return
        self._runs = True
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.sessions.run)
                yield
                nursery.cancel_scope.cancel()
        finally:
            self._runs = False

    def token(self, user_id: UUID | None = None) -> str:
        return self.tokens.issue(user_id or self.user_id)[0]

    async def run_session(self, socket: DeviceSocket) -> int:
        hello = await shake_hands(socket, self.tokens, 10, HandshakeLimit(8, 8))
        view = SocketView(
            socket,
            hello,
            sessions=self.sessions,
            access=self.tokens,
            metrics=self.metrics,
            wall_clock=wall_clock,
            bytes_in=self.bytes_in,
        )
        await view.attach()
        return await view.run()

    @asynccontextmanager
    async def device(
        self,
        *,
        device_id: UUID | None = None,
        user_id: UUID | None = None,
        features: Sequence[str] = (),
        resume: tuple[str, int] | None = None,
        **socket_options: Any,
    ) -> AsyncIterator[MemorySocket]:
        """A connected device that has received `device_ready`. On exit it hangs up, and its socket must end.

        Sessions and requests end with the first device, except inside `running`. `resume`: session id and seq.
        """
        socket = MemorySocket(**socket_options)
        asked = {} if resume is None else {"resume": {"session_id": resume[0], "seq": resume[1]}}
        async with self.running(), trio.open_nursery() as nursery:
            nursery.start_soon(self.run_session, socket)
            await socket.say(**hello(self.token(user_id), device_id, features=features, **asked))
            socket.ready = await socket.hear()
            assert socket.ready["type"] == "device_ready"
            yield socket
            socket.hang_up()


def hello(token: str | None, device_id: UUID | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "type": "device_hello",
        "token": token,
        "device_id": str(device_id or uuid4()),
        "protocol_versions": [3],
        "client": {"name": "test", "version": "1", "platform": "linux"},
    } | fields


def memory_server(**limits: Any) -> MemoryServer:
    return MemoryServer(limits=replace(LIMITS, **limits))
