"""Recall: the search among a user's memories, its ranking, and what of them goes into a prompt.

Everything here only reads.
"""

from __future__ import annotations

from memory.recall.ranked_search import SearchQuery, search
from memory.recall.ranking import NO_FLOOR, Ranking
from memory.recall.recall import Recall, Recalled

__all__ = [
    "NO_FLOOR",
    "Ranking",
    "Recall",
    "Recalled",
    "SearchQuery",
    "search",
]
