"""Memories in another language than the question: which of the hits of a multilingual vector are recalled. Pure.

A search with the multilingual part of a vector (`memory.recall.search.MultilingualQuery`) also hits memories in the
language of the question. Those are judged by the floor of the whole vector, which is more exact, so they are left out
here. The index does not know the languages: they are told from the decrypted texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Final, TypeVar

from memory.text import ENGLISH, written_language

T = TypeVar("T")

# Measured: docs/memory-search.md. Cosines of the multilingual model alone.
_FEW: Final = 12
_FLOOR_OF_FEW: Final = 0.235
_PER_DOUBLING: Final = 0.035
_HIGHEST_FLOOR: Final = 0.38

LOWEST_FLOOR: Final = _FLOOR_OF_FEW
"""The floor of a search, before it is known how many memories are in other languages."""


def other_language(question: str, text: str) -> bool:
    """Whether `text` may be in another language than `question`, which is English if its language is not clear."""
    asked, told = written_language(question) or ENGLISH, written_language(text)
    return told != asked


def floor_among(memories: float) -> float:
    """The least cosine among this number of memories in other languages.

    The best of many unrelated memories has a higher cosine than the best of a few.
    """
    doublings = log2(max(memories, _FEW) / _FEW)
    return min(_FLOOR_OF_FEW + _PER_DOUBLING * doublings, _HIGHEST_FLOOR)


def in_other_languages(question: str, hits: Sequence[tuple[T, str, float]], vectors: int) -> list[T]:
    """The hits in other languages than `question`, best first. A hit has an item, its text and its cosine.

    `vectors`: the number of all memories that were compared. The share of other languages among them is taken to be
    that among the hits.
    """
    others = [(item, cosine) for item, text, cosine in hits if other_language(question, text)]
    floor = floor_among(vectors * len(others) / len(hits)) if hits else 0.0
    return [item for item, cosine in others if cosine >= floor]


def alternated(own: Sequence[T], foreign: Sequence[T], limit: int) -> list[T]:
    """The first `limit` items of both, in turn, because their scores can't be compared."""
    found: list[T] = []
    for place in range(max(len(own), len(foreign))):
        found += [*own[place : place + 1], *foreign[place : place + 1]]
    return found[:limit]
