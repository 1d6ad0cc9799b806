"""The features that a client may name in `device_hello`. The server ignores unknown names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Final, TypedDict

from server.devices import APPROVALS
from server.requests import BLOCK_OPEN, TOOL_EVENTS

LEDGER: Final = "ledger"
"""The client keeps a journal of calls, and knows calls that are offered again."""

CHANGES: Final = "changes"
"""The client reads the numbers of changes."""

QUOTA: Final = "quota"
"""The client gives a change up, and tells the person, if it is refused with `quota_reached`."""

_KNOWN: Final = (APPROVALS, BLOCK_OPEN, CHANGES, LEDGER, QUOTA, TOOL_EVENTS)
_SETS: Final[Mapping[frozenset[str], frozenset[str]]] = {
    features: features
    for size in range(len(_KNOWN) + 1)
    for features in map(frozenset[str], combinations(_KNOWN, size))
}


class WantedFrames(TypedDict):
    """The frames of an answer that a client gets only if it names their feature."""

    block_open: bool
    tool_events: bool


def wanted_frames(features: frozenset[str]) -> WantedFrames:
    """What a client with these features wants."""
    return {"block_open": BLOCK_OPEN in features, "tool_events": TOOL_EVENTS in features}


def known_features(names: Iterable[str]) -> frozenset[str]:
    """The known ones of `names`. Sessions with the same features share one set, which takes 400 bytes."""
    return _SETS[frozenset(_KNOWN).intersection(names)]
