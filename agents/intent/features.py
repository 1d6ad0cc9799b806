"""A message as hashed features: its words, pairs of words, pieces of words, and the points of the lexicon.

Training and scoring share this module. A change here invalidates the weights, so raise `VERSION` with it.
"""

from __future__ import annotations

import re
from zlib import crc32

from agents.intent.lexicon import folded, points

VERSION = 2
BUCKETS = 1 << 15
_WORD = re.compile(r"[^\W_]+")
# Japanese writes no spaces between words.
_JAPANESE = re.compile(r"[\u3041-\u30ff\u4e00-\u9fff]")
_MOST_WORDS = 60
_MOST_PIECES = 400
_PIECE = 4
_JAPANESE_PIECES = (2, 3)


def features(message: str) -> list[int]:
    """The buckets of the message's features, each once, in any order. Only the start of a long message is read."""
    raw = words_of(message)
    words = [_shape(word) for word in raw]
    named = [f"w {word}" for word in words]
    named += [f"p {first} {second}" for first, second in zip(["^", *words], [*words, "$"], strict=True)]
    named += [f"l {agent} {min(number, 4)}" for agent, number in points(raw).items()]
    pieces = []
    for word in words:
        bounded = f"<{word}>"
        sizes = _JAPANESE_PIECES if _JAPANESE.search(word) else (_PIECE,)
        pieces += [f"c {bounded[at : at + size]}" for size in sizes for at in range(len(bounded) - size + 1)]
    return list({crc32(name.encode()) % BUCKETS for name in (*named, *pieces[:_MOST_PIECES])})


def words_of(message: str) -> list[str]:
    """The first words of a message in lower case, without accents."""
    return _WORD.findall(folded(message[:2_000].lower()))[:_MOST_WORDS]


def _shape(word: str) -> str:
    """Every number becomes `0`."""
    return "0" if word.isdecimal() else word
