"""When two texts are the same memory."""

from __future__ import annotations

from memory.tiers.documents import normalised


def test_texts_that_are_the_same_memory() -> None:
    assert normalised("  Clara  MOVED to Lisbon! ") == normalised("clara moved to lisbon")
    assert normalised("Clara moved") != normalised("Clara left")
