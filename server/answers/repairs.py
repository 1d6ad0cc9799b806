"""Repair of rejected blocks: after a home answer has ended, the model is asked once to correct them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from agents.orchestrator import Orchestrator
from agents.turn import Turn
from server.telemetry import Metrics
from streaming.answer import HomeFormatter, PopupFormatter, UnfetchedBlock, UnshownBlocks
from streaming.wire import StreamText, WsStreamBlock

log = structlog.get_logger(__name__)


def degraded_blocks(
    formatter: HomeFormatter | PopupFormatter, metrics: Metrics
) -> Sequence[StreamText | WsStreamBlock]:
    """A frame for each rejected block whose data is readable, at its index. A popup has shown them already."""
    degraded = formatter.degrade() if isinstance(formatter, HomeFormatter) else []
    _note_degraded(len(degraded), metrics)
    return degraded


def unshown_blocks(
    formatter: HomeFormatter | PopupFormatter, unshown: Mapping[int, UnshownBlocks], metrics: Metrics
) -> Sequence[StreamText]:
    """A frame for each sentence that says what cannot be shown, so that no block is left out."""
    frames = formatter.say_unshown(unshown)
    _note_degraded(len(frames), metrics)
    return frames


def _note_degraded(count: int, metrics: Metrics) -> None:
    if count:
        metrics.block_repaired("degraded", count)
        log.info("blocks_degraded", count=count)


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
