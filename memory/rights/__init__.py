"""The rights of a person over their memory: forget one item, erase everything, export everything.

Each of them is one transaction or one snapshot.
"""

from __future__ import annotations

from memory.rights.erase import Forgetting, Receipt
from memory.rights.export import Export
from memory.rights.forget import ItemForgetting

__all__ = [
    "Export",
    "Forgetting",
    "ItemForgetting",
    "Receipt",
]
