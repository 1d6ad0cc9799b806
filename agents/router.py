"""Chooses the agent for a request: the local classifier if it is certain, else one cheap model call.

The call is limited to the agents' names. If it fails, the classifier's best guess decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from typing import Any, Literal, get_args

import structlog
import trio

from agents.call_metadata import route_metadata
from agents.intent import Reading, likeliest, read
from agents.limits import AgentLimits
from agents.model import Model, read_reply
from agents.need import need_by_words
from agents.prompt_text import prompt, recent
from agents.registry import AGENTS, BY_ENTITY, GENERAL_AGENT
from agents.turn import Need, Scope
from streaming.chat import ChatRequest, Message, Usage
from streaming.model import ModelError

# Probabilities: from `_SURE` a message is clear without its history; from `_CERTAIN` no follow-up is assumed.
_SURE = 0.6
_CERTAIN = 0.9
_FEW_WORDS = 8
_NEEDS: tuple[Need, ...] = get_args(Need)
_NEED = re.compile(r"\bneed\b\W{1,6}(\w+)")
_WORDS = re.compile(r"\w+")
_VERY_FEW_WORDS = 2
_MISSED = 2
_REST_S = 300.0
_CONTINUES = re.compile(
    r"and|also|but|or|then|ok(?:ay)?|yes|yeah|no|nope|sure|please|again|why|do|so|now|continue"
    r"|und|aber|oder|ja|nein|bitte|warum|dann|et|mais|ou|oui|non|pourquoi|puis|y|pero|o|s[ií]|vale|luego"
    r"|(?:はい|いいえ|では|じゃあ|そして|なぜ|それ).*"
)
_POINTS_BACK = re.compile(
    r"its?|th(?:at|is|em|ose|ese)|ones?|others?|same|first|second|last|next"
    r"|es|das|den|die|diese[nrs]?|ersten?|zweiten?|letzten?|nächsten?|ça|cela|celle|celui|ceux|premier|première|deuxième"
    r"|dernier|dernière|eso|esa|ese|esto|esta|este|primer[oa]?|segund[oa]|últim[oa]|(?:それ|これ|あれ|最初|二番目|最後).*"
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Intent:
    """The chosen agent, what chose it, and what the request needs of the device, if that is known.

    `classifier`: the local classifier was certain. `keywords`: it was not, but the model did not choose.
    """

    agent_name: str
    decided_by: Literal["classifier", "model", "keywords", "scope"]
    need: Need | None = field(default=None, compare=False)


class RouterPatience:
    """Whether the router's model is asked now. After two missed deadlines it rests for five minutes.

    A model that is always late would delay each message by its deadline, and on a server with one slot it would evict
    the prompt of the answer. With `router_asks` `always` it never rests. Times are on trio's clock.
    """

    def __init__(self, limits: AgentLimits) -> None:
        self._limits = limits
        self._missed = 0
        self._rests_until = -math.inf

    @property
    def limits(self) -> AgentLimits:
        """The limits for the next message."""
        rests = self._limits.router_asks == "doubt" and trio.current_time() < self._rests_until
        return replace(self._limits, router_asks="never") if rests else self._limits

    def answered(self) -> None:
        """The model answered in time."""
        self._missed = 0

    def late(self) -> bool:
        """The model missed its deadline. Returns whether it rests now. After a rest, one missed deadline is enough."""
        self._missed += 1
        if self._missed < _MISSED or self._limits.router_asks != "doubt":
            return False
        self._rests_until = trio.current_time() + _REST_S
        return True


async def classify_intent(
    model: Model,
    message: str,
    history: Sequence[Message] = (),
    *,
    usage: Usage,
    scope: Scope | None = None,
    limits: AgentLimits | None = None,
    patience: RouterPatience | None = None,
) -> Intent:
    """The agent for `message`. A popup's `scope` decides without a model call, and so does a certain classifier.

    `limits.router_asks` says when the model is asked. If the model fails, is too late or names no agent, the local
    classifier decides (`keywords`). A message that fits no agent is for `general_agent`. The tokens of the call are
    added to `usage`. `patience` is told whether the model was late. Raises only `trio.Cancelled`.
    """
    limits = limits or AgentLimits()
    if scope is not None:
        return Intent(BY_ENTITY[scope.type].name, "scope", need_by_words(message))
    if limits.router_asks != "always":
        intent = certain_intent(message, history)
        if intent is not None:
            return intent
    if limits.router_asks != "never":
        answer = await _ask(model, message, history, usage, limits, patience or RouterPatience(limits))
        named = named_agent(answer)
        if named is not None:
            return Intent(named, "model", named_need(answer) or need_by_words(message))
    return Intent(agent_by_words(message, history), "keywords", _need(message, read(message)))


def certain_intent(message: str, history: Sequence[Message] = ()) -> Intent | None:
    """What the local classifier decides without a model call; None if it is not certain.

    A possible follow-up depends on the history, which the classifier does not read, so it is never certain.
    """
    reading = read(message)
    if not reading.certain or (history and _may_follow_up(message, reading)):
        return None
    return Intent(reading.agent, "classifier", _need(message, reading))


def _may_follow_up(message: str, reading: Reading) -> bool:
    if reading.agent == GENERAL_AGENT and len(_WORDS.findall(message)) <= _VERY_FEW_WORDS:
        return True
    return _is_follow_up(message, reading.agent, reading.probability)


def _need(message: str, reading: Reading) -> Need | None:
    """What the request needs by its words: `read` also if it is only certain that it needs items, read or changed."""
    if reading.need_certain and reading.need in _NEEDS:
        return reading.need
    return need_by_words(message) or ("read" if reading.needs_items else None)


async def _ask(
    model: Model,
    message: str,
    history: Sequence[Message],
    usage: Usage,
    limits: AgentLimits,
    patience: RouterPatience,
) -> str:
    """The router model's answer, or "" if there is none."""
    request = ChatRequest(
        (
            Message("system", _instructions()),
            *recent(history[-limits.router_history :] if limits.router_history else (), limits.router_chars),
            Message("user", message),
        ),
        max_tokens=limits.router_tokens,
        temperature=0.0,
        response_schema=intent_schema(),
        response_schema_name="intent",
        metadata=route_metadata(),
    )
    try:
        with trio.move_on_after(limits.router_deadline_s):
            reply = await read_reply(model, request, usage)
            if named_agent(reply.text) is None:
                log.info("router_fell_back", reason="no_agent_named")
            patience.answered()
            return reply.text
    except ModelError as error:
        log.info("router_fell_back", reason=error.code.value)
        return ""
    rests = patience.late()
    log.info(
        "router_fell_back", reason="deadline", setting="TESSERA_ROUTER_TIMEOUT_S", rests_s=_REST_S if rests else None
    )
    return ""


def intent_schema() -> Mapping[str, Any]:
    """The JSON Schema of the answer: `{"agent": <one of the agents' names>, "need": <one of the needs>}`."""
    return {
        "type": "object",
        "properties": {
            "agent": {"type": "string", "enum": list(AGENTS)},
            "need": {"type": "string", "enum": list(_NEEDS)},
        },
        "required": ["agent", "need"],
        "additionalProperties": False,
    }


def named_agent(answer: str) -> str | None:
    """The one agent that `answer` names, in JSON or in prose; None if it names no agent or several."""
    named = {word for word in re.findall(r"\w+", answer) if word in AGENTS}
    return named.pop() if len(named) == 1 else None


def named_need(answer: str) -> Need | None:
    """The value of `need` in `answer`; None if it has none."""
    found = _NEED.search(answer)
    return next((need for need in _NEEDS if found is not None and need == found[1]), None)


def agent_by_words(message: str, history: Sequence[Message] = ()) -> str:
    """The agent for `message` without a model call: the local classifier's choice.

    A follow-up ("and the next one?", "yes, do it") goes to the agent of the person's latest earlier message that
    clearly names one.
    """
    agent, sureness = likeliest(message)
    if _is_follow_up(message, agent, sureness):
        for earlier in reversed(history):
            if earlier.role == "user":
                before, how_sure = likeliest(earlier.content)
                if before != GENERAL_AGENT and how_sure >= _SURE:
                    return before
    return agent


def _is_follow_up(message: str, agent: str, sureness: float) -> bool:
    words = _WORDS.findall(message.lower())
    if not words or len(words) > _FEW_WORDS:
        return False
    continues = _CONTINUES.fullmatch(words[0]) is not None
    points_back = any(_POINTS_BACK.fullmatch(word) for word in words)
    if agent == GENERAL_AGENT:
        return (continues and not _starts_something_new(words)) or (points_back and sureness < _CERTAIN)
    return sureness < _SURE and (continues or points_back)


def _starts_something_new(words: Sequence[str]) -> bool:
    """Whether the words after "no", "ok" or "now" clearly start something new: thanks, or another request."""
    rest = list(dropwhile(_CONTINUES.fullmatch, words))
    if not rest or any(_POINTS_BACK.fullmatch(word) for word in rest):
        return False
    agent, sureness = likeliest(" ".join(rest))
    return agent == GENERAL_AGENT and sureness >= _CERTAIN


def _instructions() -> str:
    agents = "\n".join(f"- {spec.name}: {spec.purpose}" for spec in AGENTS.values())
    return f"{prompt('router')}\n\n{agents}"
