"""The one model call that asks for corrected versions of the blocks that could not be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import structlog
import trio

from agents.block_format import blocks_schema
from agents.limits import AgentLimits
from agents.model import Model, read_reply
from agents.prompt_text import prompt
from streaming.answer import RejectedBlock
from streaming.chat import ChatRequest, Message, ToolSpec, Usage
from streaming.model import ModelError

# The repair ends this many seconds before the request's deadline, so a late repair does not fail a whole answer.
_MARGIN_S = 0.5
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Repair:
    """How the call ended, and the model's reply if it answered. The formatter checks the blocks in it."""

    outcome: Literal["answered", "deadline", "model_error"]
    reply: str = ""


async def ask_for_repair(
    model: Model,
    conversation: Sequence[Message],
    rejected: Sequence[RejectedBlock],
    usage: Usage,
    limits: AgentLimits,
    *,
    tools: tuple[ToolSpec, ...] = (),
    structured: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Repair:
    """Ask for `rejected` again, in one call with a deadline and without tools.

    `conversation` ends with the answer that contained the blocks, so the model sees what it wrote and what the tools
    returned. `tools` are the tools called in it. `structured`: the reply is held to the blocks' JSON Schema.
    A failure of the model is an outcome, not an exception. The tokens are added to `usage`.
    """
    request = ChatRequest(
        (*conversation, Message("user", instructions(rejected))),
        tools=tools,
        tool_choice="none",
        max_tokens=limits.repair_tokens,
        temperature=0.0,
        response_schema=blocks_schema() if structured else None,
        response_schema_name="blocks",
        metadata=metadata or {},
    )
    deadline = min(trio.current_time() + limits.repair_timeout_s, trio.current_effective_deadline() - _MARGIN_S)
    try:
        with trio.move_on_at(deadline):
            reply = await read_reply(model, request, usage)
            return Repair("answered", reply.text)
    except ModelError as error:
        log.info("repair_failed", reason=error.code.value)
        return Repair("model_error")
    log.info("repair_failed", reason="deadline")
    return Repair("deadline")


def instructions(rejected: Sequence[RejectedBlock]) -> str:
    """The prompt of a repair: a numbered list of the faults, with excerpts of the model's own text."""
    return "\n".join([prompt("repair"), "", *(_fault(number, block) for number, block in enumerate(rejected, start=1))])


def _fault(number: int, block: RejectedBlock) -> str:
    kind = f"{block.block_type} block" if block.block_type else "block"
    line = f"{number}. The {kind} that is number {block.index} of your answer, counted from 0: {block.reason}."
    if block.detail:
        line += f" {block.detail}"
    if block.excerpt:
        line += f" Its source, up to the fault, ends in: {block.excerpt}"
    return line
