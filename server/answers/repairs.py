"""Repair of rejected blocks: after a home answer has ended, the model is asked once to correct them."""

from __future__ import annotations

import structlog

from agents.orchestrator import Orchestrator
from agents.turn import Turn
from server.telemetry import Metrics
from streaming.answer import HomeFormatter
from streaming.wire import StreamText, WsStreamBlock

log = structlog.get_logger(__name__)


async def corrected_blocks(
    orchestrator: Orchestrator, turn: Turn, formatter: HomeFormatter, metrics: Metrics
) -> list[StreamText | WsStreamBlock]:
    """Ask once for the rejected blocks. Returns a frame for each, at its block's index: corrected, or degraded.

    Asks nothing if nothing was rejected or repairs are off. No fault of the model raises, and no block is left out.
    """
    corrected = await _asked_for(orchestrator, turn, formatter, metrics)
    degraded = formatter.degrade({frame.block for frame in corrected})
    if degraded:
        metrics.block_repaired("degraded", len(degraded))
        log.info("blocks_degraded", count=len(degraded))
    return [*corrected, *degraded]


async def _asked_for(
    orchestrator: Orchestrator, turn: Turn, formatter: HomeFormatter, metrics: Metrics
) -> list[WsStreamBlock]:
    rejected = formatter.repairable(orchestrator.repairable_blocks)
    if not rejected:
        return []
    repair = await orchestrator.repair(turn, rejected)
    if repair.outcome != "answered":
        metrics.block_repaired(repair.outcome, len(rejected))
        return []
    frames = formatter.replace(rejected, repair.reply)
    metrics.block_repaired("repaired", len(frames))
    metrics.block_repaired("invalid_again", len(rejected) - len(frames))
    log.info("blocks_repaired", asked=len(rejected), repaired=len(frames))
    return frames
