"""A message as hashed features: its words, pairs of words, pieces of words, and the points of the lexicon.

Training and scoring share this module. A change here invalidates the weights, so raise `VERSION` with it.
"""

from __future__ import annotations

import re
from zlib import crc32

from agents.intent.lexicon import points

VERSION = 1
BUCKETS = 1 << 14
_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 60
_PIECE = 4


def features(message: str) -> list[int]:
    """The buckets of the message's features, each once, in any order. Only the start of a long message is read."""
    raw = _WORD.findall(message[:2_000].lower())[:_MOST_WORDS]
    words = [_shape(word) for word in raw]
    named = [f"w {word}" for word in words]
    named += [f"p {first} {second}" for first, second in zip(["^", *words], [*words, "$"], strict=True)]
    named += [f"l {agent} {min(number, 4)}" for agent, number in points(raw).items()]
    for word in words:
        bounded = f"<{word}>"
        named += [f"c {bounded[at : at + _PIECE]}" for at in range(len(bounded) - _PIECE + 1)]
    return list({crc32(name.encode()) % BUCKETS for name in named})


def _shape(word: str) -> str:
    """Every number becomes `0`."""
    return "0" if word.isdecimal() else word
