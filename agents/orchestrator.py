"""From a turn to its answer: route it, then run the chosen agent.

The server's answer pipeline uses `orchestrate_v3_stream` and `repair`. The other calls are for programs without a
server; `docs/agents.md` shows one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from agents.block_items import BlockItems
from agents.chat_agent import ChatAgent
from agents.limits import AgentLimits
from agents.model import Models
from agents.phased_agent import NativeAgent, SchemaAgent
from agents.registry import AGENTS
from agents.repair import Repair
from agents.router import RouterPatience, classify_intent
from agents.shapes import SHAPES
from agents.turn import Turn
from streaming.answer import RejectedBlock
from streaming.model import ModelError, OtherShape


class Orchestrator:
    """Answers any number of turns concurrently. It keeps no state of a turn; the `Turn` itself holds all of it.

    Every call that answers raises `streaming.model.ModelError` when the answering model fails. The turn then holds the
    results, mutations and usage up to that point; also when the caller is cancelled.
    """

    def __init__(self, models: Models, limits: AgentLimits | None = None) -> None:
        self._models = models
        self._limits = limits or AgentLimits()
        self._router = RouterPatience(self._limits)

    async def route(self, turn: Turn) -> str:
        """Choose the agent of `turn` and return its name. It reads only the message, the history and the scope.

        So it can run while the memory is recalled. In the shape `schema` no model is asked, and the first tool may
        change the name. Raises only `trio.Cancelled`.
        """
        self._use_model(turn, self._models.shapes.place)
        limits = self._router.limits if turn.shape != "schema" else replace(self._limits, router_asks="never")
        intent = await classify_intent(
            self._models.router,
            turn.message,
            turn.history,
            usage=turn.usage,
            scope=turn.scope,
            limits=limits,
            patience=self._router,
        )
        turn.routed_by, turn.need = intent.decided_by, intent.need
        if turn.shape == "schema" and turn.scope is None:
            turn.routed_by = "keywords"  # a first guess only, because the first tool decides
        turn.agent_name = intent.agent_name
        return intent.agent_name

    async def orchestrate_v3(self, turn: Turn) -> tuple[str, ChatAgent]:
        """Route `turn`, unless it is routed; returns the agent's name and the agent, which the caller then runs."""
        name = turn.agent_name or await self.route(turn)
        return name, self._agent(name, turn)

    async def orchestrate_v3_stream(self, turn: Turn) -> AsyncGenerator[tuple[str, str], None]:
        """Yields `(agent_name, "")` when the turn is routed, then `(agent_name, token)`; a token is never empty.

        Iterate it inside `contextlib.aclosing`: leaving early then closes the model's stream immediately.
        """
        name, agent = await self.orchestrate_v3(turn)
        named = turn.shape != "schema" or turn.scope is not None
        if named:
            yield name, ""
        try:
            async with aclosing(self._answer(turn, name, agent)) as tokens:
                async for token in tokens:
                    if not named:
                        # The first tool names the agent.
                        named, name = True, turn.agent_name or name
                        yield name, ""
                    if token:
                        yield name, token
        except ModelError:
            if not named:
                yield name, ""
            raise

    async def _answer(self, turn: Turn, name: str, agent: ChatAgent) -> AsyncGenerator[str, None]:
        """The tokens of the agent's answer, some of them empty."""
        while True:
            try:
                async with aclosing(agent.handle_stream()) as tokens:
                    async for token in tokens:
                        yield token
            except OtherShape as other:
                # Nothing was shown and no tool has run: the next model gets the request in its own shape.
                self._use_model(turn, other.place)
                agent = self._agent(turn.agent_name or name, turn)
            else:
                return

    async def retry_stream(self, turn: Turn) -> AsyncGenerator[tuple[str, str], None]:
        """Ask the agent that answered `turn` again, because its answer showed nothing; see `ChatAgent.retry_stream`.

        If the first answer showed that the server does not obey the request's shape, and no tool has run, the request
        begins again in the next shape.

        Yields `(agent_name, token)` like `orchestrate_v3_stream`. Raises ValueError when `turn` has not been routed.
        """
        name, agent = self._answering(turn)
        now = self._models.shapes.of(turn.from_model).current
        if turn.tool_use.rounds == 0 and self._limits.max_rounds > 0 and SHAPES.index(now) > SHAPES.index(turn.shape):
            turn.shape = now
            again = self._answer(turn, name, self._agent(name, turn))
        else:
            again = agent.retry_stream()
        async with aclosing(again) as tokens:
            async for token in tokens:
                if token:
                    yield name, token

    def block_items(self, turn: Turn) -> BlockItems:
        """Lists on the device what the value-bound blocks of `turn` name."""
        return BlockItems(turn, self._limits)

    @property
    def repairable_blocks(self) -> int:
        """How many rejected blocks `repair` accepts at most; 0 when repairs are off."""
        return self._limits.repair_blocks if self._limits.repair_timeout_s > 0 else 0

    async def repair(self, turn: Turn, rejected: Sequence[RejectedBlock]) -> Repair:
        """Ask the agent that answered `turn` once more for blocks that could not be shown; see `ChatAgent.repair`.

        Raises ValueError when `turn` has not been routed.
        """
        _, agent = self._answering(turn)
        return await agent.repair(rejected)

    async def orchestrate(self, turn: Turn) -> str:
        """The whole answer as the model wrote it."""
        _, agent = await self.orchestrate_v3(turn)
        return await agent.handle()

    async def orchestrate_stream(self, turn: Turn) -> AsyncGenerator[str, None]:
        """The answer's tokens, without the agent's name. Iterate it inside `contextlib.aclosing`."""
        async with aclosing(self.orchestrate_v3_stream(turn)) as pairs:
            async for _, token in pairs:
                if token:
                    yield token

    def _use_model(self, turn: Turn, place: int) -> None:
        """Build the requests of `turn` for the model at `place`, and do not call those before it."""
        turn.from_model = place
        if self._limits.max_rounds > 0:
            turn.shape = self._models.shapes.of(place).current

    def _answering(self, turn: Turn) -> tuple[str, ChatAgent]:
        if turn.agent_name is None:
            raise ValueError("no agent answered this turn, so it cannot be continued")
        return turn.agent_name, self._agent(turn.agent_name, turn)

    def _agent(self, name: str, turn: Turn) -> ChatAgent:
        model, spec, limits, shapes = (
            self._models.answer,
            AGENTS[name],
            self._limits,
            self._models.shapes.of(turn.from_model),
        )
        match turn.shape:
            case "native":
                return NativeAgent(model, turn, spec, limits, shapes)
            case "schema":
                return SchemaAgent(model, turn, spec, limits, shapes)
        return ChatAgent(model, turn, spec, limits, shapes)
