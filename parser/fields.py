"""The names of the members that blocks have, and which limit their elements are counted against."""

from __future__ import annotations

import json

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
