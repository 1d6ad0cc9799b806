"""What a request needs before its agent runs: memory, the conversation, the popup's item, and the agent's name.

They are read side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from agents.orchestrator import Orchestrator
from agents.turn import EarlierTurns, Scope, Turn
from person import Sentences, StatedLocale, remembered_locale, resolve_locale
from server.answers.admission import Reservation
from server.answers.popup_scope import resolve_scope
from server.devices import RemoteDevice
from server.memory_service import AnswerMemory, Obeyed, RecalledContext, asks_of_memory
from server.requests import ChatInput, RequestFailed, RequestRefused
from server.telemetry import note_route, span


class Preparation:
    """Fills the turn of one request. `recalled` and `obeyed` are what memory said.

    `routing`: the agent is being chosen.
    """

    def __init__(
        self,
        memory: AnswerMemory,
        orchestrator: Orchestrator,
        chat: ChatInput,
        device: RemoteDevice,
        turn: Turn,
        locales: Sequence[StatedLocale],
    ) -> None:
        """`locales`: what the request and its device say about the person's locale; core memory adds what it knows."""
        self._memory, self._orchestrator = memory, orchestrator
        self._chat, self._device, self._turn, self._locales = chat, device, turn, locales
        self.recalled = RecalledContext()
        self.obeyed = Obeyed()
        self.routing = False

    async def confirm(self, reservation: Reservation) -> RequestRefused | None:
        """Confirm the reservation. Recall and routing run meanwhile, but not in a popup: its first frame needs neither.

        Routing waits for the confirmation, because it may cost a model call, and for the conversation, but not for
        recall.
        """
        refused = None
        popup = self._turn.scope is not None
        reading: trio.Event | None = None
        async with trio.open_nursery() as nursery:
            if not popup:
                nursery.start_soon(self._recall)
                if self._must_read_conversation:
                    reading = trio.Event()
                    nursery.start_soon(self._read_early, reading)
            try:
                await reservation.confirm()
                if reading is not None:
                    await reading.wait()
                if not popup:
                    await self._route_early()
            except RequestRefused as error:
                refused = error
                nursery.cancel_scope.cancel()
        return refused

    async def obey(self, sentences: Sentences) -> None:
        """Do what the message asks of memory itself. What is forgotten must not be in the prompt."""
        self.obeyed = await self._memory.obey(self._chat, sentences)
        if self.obeyed.forgotten and self._turn.scope is None:
            if not self._chat.history:
                self._turn.history, self._turn.earlier = (), EarlierTurns()
                await self._read_conversation()
            await self._recall()
        self._turn.memory = {**self._turn.memory, **self._note()}

    def _note(self) -> dict[str, str]:
        return {"done_in_memory": self.obeyed.note} if self.obeyed.note else {}

    async def read_for_popup(self, scope: Scope) -> None:
        """Read the popup's item, the memory and the conversation. Raises `RequestFailed` if there is no such item."""
        failed: list[RequestFailed] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._recall)
            nursery.start_soon(self._read_conversation)
            try:
                await resolve_scope(scope, self._device, self._turn)
            except RequestFailed as failure:
                failed.append(failure)
                nursery.cancel_scope.cancel()
        if failed:
            raise failed[0]

    async def route(self) -> str:
        """Choose the agent and return its name."""
        with span("route", {}) as routing:
            self.routing = True
            try:
                agent_name = await self._orchestrator.route(self._turn)
            finally:
                self.routing = False
            note_route(routing, agent_name, self._turn.routed_by)
        return agent_name

    async def _read_early(self, read: trio.Event) -> None:
        await self._read_conversation()
        read.set()

    async def _route_early(self) -> None:
        # What the person wants forgotten must not be in the router's prompt.
        if not asks_of_memory(self._chat.message):
            await self.route()

    async def _recall(self) -> None:
        with span("recall", {}):
            chat = self._chat
            self.recalled = await self._memory.recall(chat.user_id, chat.message, self._locales, chat.conversation_id)
        turn = self._turn
        turn.locale = resolve_locale(*self._locales, remembered_locale(self.recalled.preferences))
        turn.memory = {**self.recalled.prompt(turn.calendar), **self._note()}

    @property
    def _must_read_conversation(self) -> bool:
        """The request names a conversation and has no history."""
        return self._chat.conversation_id is not None and not self._turn.history

    async def _read_conversation(self) -> None:
        """Read the history from memory, if the request does not have it."""
        chat, turn = self._chat, self._turn
        if chat.conversation_id is None or turn.history:
            await trio.lowlevel.checkpoint()
            return
        conversation = await self._memory.conversation(chat.user_id, chat.conversation_id)
        turn.history, turn.earlier = conversation.history, conversation.earlier
