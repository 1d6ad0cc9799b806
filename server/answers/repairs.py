"""Repair of rejected blocks: after a home answer has ended, the model is asked once to correct them."""

from __future__ import annotations

import structlog

from agents.orchestrator import Orchestrator
from agents.turn import Turn
from server.telemetry import Metrics
from streaming.answer import HomeFormatter, UnfetchedBlock
from streaming.wire import StreamText, WsStreamBlock

log = structlog.get_logger(__name__)


def degraded_blocks(formatter: HomeFormatter, metrics: Metrics) -> list[StreamText | WsStreamBlock]:
    """A frame for each rejected block that was not corrected, at its index, so that no block is left out."""
    degraded = formatter.degrade()
    if degraded:
        metrics.block_repaired("degraded", len(degraded))
        log.info("blocks_degraded", count=len(degraded))
    return degraded


async def corrected_blocks(
    orchestrator: Orchestrator, turn: Turn, formatter: HomeFormatter, metrics: Metrics
) -> list[WsStreamBlock | UnfetchedBlock]:
    """Ask once for the rejected blocks. Returns the corrected ones, each at its block's index.

    Asks nothing if nothing was rejected or repairs are off. No fault of the model raises.
    """
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
