"""From a model's tokens to frames: the home formatter, the popup formatter and the lines that JSON becomes in a popup.

Pure: text in, frames out.
"""

from __future__ import annotations

from streaming.answer.block_data import FetchableBlock, Unbound, UnfetchedBlock, UnshownBlocks
from streaming.answer.home import (
    UNGROUNDED,
    HomeFormatter,
    HomeFrame,
    HomePart,
    RejectedBlock,
)
from streaming.answer.popup import PopupFormatter

__all__ = [
    "UNGROUNDED",
    "FetchableBlock",
    "HomeFormatter",
    "HomeFrame",
    "HomePart",
    "PopupFormatter",
    "RejectedBlock",
    "Unbound",
    "UnfetchedBlock",
    "UnshownBlocks",
]
