"""Which text counts as shown."""

from __future__ import annotations

from typing import Any

import pytest

from streaming.answer.shown_blocks import ShownBlocks


def shown(*pieces: str) -> bool:
    blocks = ShownBlocks()
    sent = "".join(blocks.add_text(0, piece) for piece in pieces)
    assert not sent or 0 in blocks
    sent += blocks.settle().get(0, "")
    assert sent == ("".join(pieces) if len(blocks) else "")
    assert (0 in blocks) == (len(blocks) == 1)
    return len(blocks) == 1


NOTHING = ["", " \n", "\u200b", "\ufeff \u2060", "\u00ad", "[]", "```", "null", " null\n", "[null]", '{"null": null}']
FENCES = ["```json\n```", "```json\n\n```\n", "~~~jsonl\n[]\n~~~", "```\nnull\n```", "``` json\n```"[:3], "undefined"]
TEXTS = [
    "a",
    "\u200ba",
    "👍",
    "你好",
    "…",
    "nullable",
    "nul",
    "annul",
    "null and void",
    "json",
    "```py\n```",
    "None of them",
    "none",
    "0",
    "*",
    "#",
    "<b>",
    "<!-- x --> a",
    "<br>a",
    "** a **",
    "</s>a",
    "<|im",
    "&nbs",
    "&nbsp;a",
    "&amp;",
    "<|im_end|> a",
    '{"type":"te" a',
    "type",
]
UNSEEN = [
    *(
        "None",
        "</s>",
        "<|im_end|>",
        "<br>",
        "<br />\n<br/>",
        "&nbsp;",
        "&#160;\n&ZeroWidthSpace;&#x200B;",
        "<!-- x -->",
        "<!-- x",
        "**  **",
        "[/INST]",
        "<end_of_turn>",
    ),
    *('[{"type":"te', '{ "ty', '[{"type": "table"', "{}", "[null]", '""', "```json\n", "<!-- " + "long " * 30 + "-->"),
]


@pytest.mark.parametrize("text", [*NOTHING, *FENCES, *UNSEEN, "[" * 1_000, "null " * 100])
def test_text_without_a_visible_character_shows_nothing(text: str) -> None:
    assert not shown(text)
    assert not shown(*text)


@pytest.mark.parametrize("text", [*TEXTS, " null" * 100 + "a", "[" * 100 + "1"])
def test_text_with_a_visible_character_is_shown(text: str) -> None:
    assert shown(text)
    assert shown(*text)


@pytest.mark.parametrize(
    ("kind", "empty", "full"),
    [
        ("timeline", {"checkpoints": []}, {"checkpoints": [{"id": "a"}]}),
        ("table", {"headers": ["a"], "rows": []}, {"headers": ["a"], "rows": [[None]]}),
        ("entity_ref", {"entity": "task", "items": []}, {"entity": "task", "items": [{"id": "a"}]}),
    ],
)
def test_a_block_without_rows_shows_nothing(kind: str, empty: dict[str, Any], full: dict[str, Any]) -> None:
    blocks = ShownBlocks()
    blocks.add(0, kind, empty)
    assert len(blocks) == 0
    blocks.add(1, kind, full)
    assert len(blocks) == 1
