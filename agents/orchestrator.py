"""From a turn to its answer: route it, then let the chosen agent work."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agents.chat_agent import ChatAgent
from agents.limits import AgentLimits
from agents.model import Models
from agents.registry import AGENTS
from agents.router import classify_intent
from agents.turn import Turn


class Orchestrator:
    """Serves any number of turns at once; it keeps nothing of them.

    Every method raises `streaming.model.errors.ModelError` when the answering model fails. `turn` then holds what had
    been gathered until there: results, mutations, usage; also when the caller is cancelled.
    """

    def __init__(self, models: Models, limits: AgentLimits | None = None) -> None:
        self._models = models
        self._limits = limits or AgentLimits()

    async def orchestrate_v3(self, turn: Turn) -> tuple[str, ChatAgent]:
        """Route `turn`; returns the agent's name and the agent. The caller drives it."""
        intent = await classify_intent(
            self._models.router,
            turn.message,
            turn.history,
            usage=turn.usage,
            scope=turn.scope,
            limits=self._limits,
        )
        turn.routed_by = intent.decided_by
        return intent.agent_name, ChatAgent(self._models.answer, turn, AGENTS[intent.agent_name], self._limits)

    async def orchestrate_v3_stream(self, turn: Turn) -> AsyncGenerator[tuple[str, str], None]:
        """`(agent_name, "")` as soon as the turn is routed, then `(agent_name, token)`; a token is never empty.

        Iterate it inside `contextlib.aclosing`, so that leaving early closes the model's stream at once.
        """
        name, agent = await self.orchestrate_v3(turn)
        yield name, ""
        async with aclosing(agent.handle_stream()) as tokens:
            async for token in tokens:
                yield name, token

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
