"""Which text counts as shown."""

from __future__ import annotations

import pytest

from streaming.answer.shown_blocks import ShownBlocks


@pytest.mark.parametrize("text", ["", " \n", "\u200b", "\ufeff \u2060", "\u00ad", "[]", "```"])
def test_text_without_a_visible_character_shows_nothing(text: str) -> None:
    blocks = ShownBlocks()
    blocks.add_text(0, text)
    assert len(blocks) == 0


@pytest.mark.parametrize("text", ["a", "\u200ba", "👍", "你好", "…"])
def test_text_with_a_visible_character_is_shown(text: str) -> None:
    blocks = ShownBlocks()
    blocks.add_text(0, text)
    assert len(blocks) == 1
