"""How large a block may grow, and the names of its members: each limit counts the elements of some of them.

Every limit is enforced while the block is being parsed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Limits:
    """Positive integers; a block may reach a limit but not pass it.

    `block_bytes`: UTF-8 bytes of a block's source, from `{` to `}`. The content of a text block is passed on as it
    comes and does not count; content that arrives before its `type` is held, and does.
    `depth`: containers inside one another; the block's own object is the first.
    `rows`: elements of `rows`, `checkpoints`, `ids` and `items`.
    `columns`: elements of `headers` and of each row; keys of each point of `data` and of `config`.
    `points`: elements of a chart's `data`.
    `string_chars`: characters of any decoded string or key, again except the content of a text block.
    `lookahead_chars`: source characters held back while text that begins like a block is told from a block.
    """

    block_bytes: int = 262_144
    depth: int = 32
    rows: int = 2_000
    columns: int = 64
    points: int = 5_000
    string_chars: int = 16_384
    lookahead_chars: int = 256

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"{field.name} must be at least 1")


# What a block may say about itself. A member that is none of these, and an array of objects, makes a wrapper.
FIELDS = frozenset(
    (
        *("type", "content", "chartType", "title", "data", "config", "from"),
        *("headers", "rows", "checkpoints", "entity", "ids", "items"),
    )
)
WRAPPER_KEY = "blocks"
COLUMNS = frozenset(("headers", "config"))
ROWS = frozenset(("rows", "checkpoints", "ids", "items"))


def is_ours(quoted: str) -> bool:
    """Whether a quoted key is one that a block or a wrapper has."""
    try:
        key = json.loads(quoted)
    except ValueError:
        return False
    return key in FIELDS or key == WRAPPER_KEY
