"""The exception for a block that cannot be computed. `Binder` turns it into a value, so it stays in this package."""

from __future__ import annotations

from parser.blocks import BindReason


class Unbindable(Exception):
    """`detail` is a sentence for the model. It names fields and never contains the content of an item."""

    def __init__(self, reason: BindReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail
