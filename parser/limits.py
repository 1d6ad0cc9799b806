"""How large a block may grow before it is refused."""

from __future__ import annotations

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
