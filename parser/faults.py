"""Why a block is refused, before its place in the stream is known."""

from __future__ import annotations

from dataclasses import dataclass

from parser.events import RejectReason


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason, and a sentence for a person that quotes nothing of the block."""

    reason: RejectReason
    detail: str


INVALID_JSON = Fault(RejectReason.INVALID_JSON, "The block is not valid JSON.")
INVALID_NUMBER = Fault(RejectReason.INVALID_NUMBER, "The block has a number that is not finite or cannot be held.")
