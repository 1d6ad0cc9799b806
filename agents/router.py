"""Which agent a request is for: one cheap model call, held to the agents' names, with a keyword scorer behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog
import trio

from agents.keywords import best_agent
from agents.limits import AgentLimits
from agents.model import Model, read_reply
from agents.prompting import prompt
from agents.registry import AGENTS, BY_ENTITY, DEFAULT_AGENT
from agents.turn import Scope
from streaming.chat import ChatRequest, Message, Usage
from streaming.model_error import ModelError

# Points of a message that says by itself what it is about; below, earlier messages may say it better.
_NAMES_ITS_MATTER = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Intent:
    """The chosen agent, and what chose it."""

    agent_name: str
    decided_by: Literal["model", "keywords", "scope"]


async def classify_intent(
    model: Model,
    message: str,
    history: Sequence[Message] = (),
    *,
    usage: Usage,
    scope: Scope | None = None,
    limits: AgentLimits | None = None,
) -> Intent:
    """The agent for `message`. A popup's `scope` decides by itself, without a model call.

    Never raises for what the model does: when it fails, is late or names no agent, keywords decide. What the call
    cost is added to `usage`.
    """
    limits = limits or AgentLimits()
    if scope is not None:
        return Intent(BY_ENTITY[scope.type].name, "scope")
    named = await _ask(model, message, history, usage, limits)
    if named is not None:
        return Intent(named, "model")
    return Intent(_by_keywords(message, history), "keywords")


async def _ask(model: Model, message: str, history: Sequence[Message], usage: Usage, limits: AgentLimits) -> str | None:
    request = ChatRequest(
        (
            Message("system", _instructions()),
            *(history[-limits.router_history :] if limits.router_history else ()),
            Message("user", message),
        ),
        max_tokens=limits.router_tokens,
        temperature=0.0,
        response_schema=answer_schema(),
        response_schema_name="intent",
    )
    try:
        with trio.move_on_after(limits.router_deadline_s):
            reply = await read_reply(model, request, usage)
            named = named_agent(reply.text)
            if named is None:
                log.info("router_fell_back", reason="no_agent_named")
            return named
    except ModelError as error:
        log.info("router_fell_back", reason=error.code.value)
        return None
    log.info("router_fell_back", reason="deadline")
    return None


def answer_schema() -> Mapping[str, Any]:
    """`{"agent": <one of the agents' names>}` as JSON Schema."""
    return {
        "type": "object",
        "properties": {"agent": {"type": "string", "enum": list(AGENTS)}},
        "required": ["agent"],
        "additionalProperties": False,
    }


def named_agent(answer: str) -> str | None:
    """The one agent that `answer` names, in JSON or in prose; None when it names none, or several."""
    named = {word for word in re.findall(r"\w+", answer) if word in AGENTS}
    return named.pop() if len(named) == 1 else None


def _by_keywords(message: str, history: Sequence[Message]) -> str:
    """By the message; when it names nothing ("and the next one?"), by what the person said before, newest first."""
    for text in (message, *(earlier.content for earlier in reversed(history) if earlier.role == "user")):
        if agent := best_agent(text, least=_NAMES_ITS_MATTER):
            return agent
    return best_agent(message) or DEFAULT_AGENT


def _instructions() -> str:
    agents = "\n".join(f"- {spec.name}: {spec.purpose}" for spec in AGENTS.values())
    return f"{prompt('router')}\n\n{agents}"
