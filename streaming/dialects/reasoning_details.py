"""OpenRouter's `reasoning_details`: the reasoning of any provider, in pieces, which it wants back whole and in order.

https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks
"""

from __future__ import annotations

from typing import Any, Final

_PIECES: Final = ("text", "summary", "data")


class ReasoningDetails:
    """Joins the pieces of one response. Pieces with the same type, index and id are one entry.

    A signature covers the whole text of its entry, so a provider refuses pieces that are sent back unjoined.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def add(self, piece: dict[str, Any]) -> None:
        """Add one entry of a chunk's list."""
        entry = self._entry_of(piece)
        if entry is None:
            self.entries.append(dict(piece))
            return
        for key, value in piece.items():
            known = entry.get(key)
            if key in _PIECES and isinstance(known, str) and isinstance(value, str):
                entry[key] = known + value
            elif known is None or (key == "signature" and value is not None):
                entry[key] = value

    def _entry_of(self, piece: dict[str, Any]) -> dict[str, Any] | None:
        index, entry_id = piece.get("index"), piece.get("id")
        if not isinstance(index, int):
            return None
        for entry in reversed(self.entries):
            if entry.get("index") == index and entry.get("type") == piece.get("type"):
                known = entry.get("id")
                return entry if known is None or entry_id is None or known == entry_id else None
        return None
