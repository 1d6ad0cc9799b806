"""Counts and logs a request when it has ended."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from agents.prompt_text import prompts_version
from agents.turn import Turn
from server.requests import ChatInput
from server.telemetry import Metrics, RequestOutcome
from streaming.answer import HomeFormatter, PopupFormatter

log = structlog.get_logger(__name__)


def record_end(
    metrics: Metrics,
    chat: ChatInput,
    turn: Turn,
    formatter: HomeFormatter | PopupFormatter,
    status: RequestOutcome,
    seconds: float,
    blocks: Sequence[str] = (),
) -> None:
    """Record the outcome of a request that took `seconds`, and what it cost. `blocks`: the types that were shown."""
    usage = turn.usage
    metrics.request_ended(chat.mode, status, seconds)
    metrics.tokens(usage.input_tokens, usage.output_tokens, usage.cached_tokens)
    # A popup shows every block as text, so none counts as rejected.
    if isinstance(formatter, HomeFormatter):
        for rejected in formatter.rejected:
            metrics.block_rejected(rejected.reason)
            log.info("block_rejected", block=rejected.index, reason=rejected.reason)
        for repair, count in formatter.repairs.items():
            metrics.block_put_right(repair.value, count)
        if formatter.repairs:
            log.info("blocks_put_right", repairs={repair.value: count for repair, count in formatter.repairs.items()})
    for form, count in turn.tool_use.written_calls.items():
        metrics.calls_written(form, count)
    log.info(
        "request_ended",
        mode=chat.mode,
        status=status,
        finish=turn.finish,
        shown=formatter.shown,
        blocks=blocks,
        rejected=len(formatter.rejected) if isinstance(formatter, HomeFormatter) else 0,
        agent=turn.agent_name,
        routed_by=turn.routed_by,
        shape=turn.shape,
        model_calls=usage.calls,
        tool_calls=turn.tool_use.calls,
        prompts=prompts_version(),
        seconds=round(seconds, 3),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
    )
