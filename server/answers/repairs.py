"""The one chance of a home answer to have its rejected blocks corrected, after its stream has ended."""

from __future__ import annotations

import structlog

from agents.orchestrator import Orchestrator
from agents.turn import Turn
from server.telemetry import Metrics
from streaming.answer import HomeFormatter
from streaming.wire import WsStreamBlock

log = structlog.get_logger(__name__)


async def corrected_blocks(
    orchestrator: Orchestrator, turn: Turn, formatter: HomeFormatter, metrics: Metrics
) -> list[WsStreamBlock]:
    """Ask once for what was rejected; the frames of what came back valid, each at its block's own index.

    Nothing is asked when nothing was rejected, or repairs are off. Never raises for what the model does.
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
