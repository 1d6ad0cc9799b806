"""Recall: the search among a user's memories, its ranking, and the recalled items that go into a prompt.

Everything here only reads.
"""

from __future__ import annotations

from memory.recall.recall import Recall
from memory.recall.recalled import Recalled, Used
from memory.recall.search import NO_FLOOR, Floor, Ranking, SearchQuery, ranked_hits

__all__ = [
    "NO_FLOOR",
    "Floor",
    "Ranking",
    "Recall",
    "Recalled",
    "SearchQuery",
    "Used",
    "ranked_hits",
]
