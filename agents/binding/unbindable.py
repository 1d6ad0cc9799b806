"""Why a block cannot be computed, raised inside this package; `Binder` turns it into a value."""

from __future__ import annotations

from parser.blocks import BindReason


class Unbindable(Exception):
    """`detail` is a sentence for the model: it names fields, and never quotes what an item holds."""

    def __init__(self, reason: BindReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
