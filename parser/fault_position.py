"""Finding the one character at which a block went wrong, however its source was cut."""

from __future__ import annotations

from dataclasses import dataclass

from parser.block_builder import BlockBuilder
from parser.events import Fault
from parser.limits import Limits

_SLICE = 64


@dataclass(frozen=True, slots=True)
class Located:
    """`at` is the index in the batch of the first character with which the source up to it is at fault.

    `brackets` and `in_string` describe the source before that character, `duplicate_keys` up to it.
    """

    at: int
    fault: Fault
    brackets: list[str]
    in_string: bool
    duplicate_keys: int


def locate(limits: Limits, prefix: str, batch: str) -> Located:
    """Where in `batch`, after the good `prefix`, the fault is. Reads the prefix twice and the batch once or twice.

    ijson does not say where it stopped, and a batch may be cut anywhere; so the source is read again, in slices, then
    by character.
    """
    rough = _read(limits, prefix)
    start = 0
    while start < len(batch):
        rough.push(batch[start : start + _SLICE])
        if rough.fault or rough.done:
            break
        start += _SLICE
    exact = _read(limits, prefix + batch[:start])
    for at in range(start, len(batch)):
        brackets, in_string = exact.brackets, exact.in_string
        exact.push(batch[at])
        if exact.fault is not None:
            return Located(at, exact.fault, brackets, in_string, exact.duplicate_keys)
    raise AssertionError("a batch that was at fault is not when it is read again")


def _read(limits: Limits, source: str) -> BlockBuilder:
    builder = BlockBuilder(limits)
    if source:
        builder.push(source)
    return builder
