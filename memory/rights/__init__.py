"""The rights of a person over their memory: forget one item, erase everything, export everything, delete the account.

Each of them is one transaction or one snapshot.
"""

from __future__ import annotations

from memory.rights.account import AccountDeletion
from memory.rights.erase import Erasure, Receipt, SignedReceipt
from memory.rights.erase_wishes import confirms_erasure
from memory.rights.export import Export
from memory.rights.forget import Forget
from memory.rights.forget_wishes import Subject
from memory.rights.forgotten import MAX_LISTED, Forgotten
from memory.rights.wishes import Wish, wish_of

__all__ = [
    "MAX_LISTED",
    "AccountDeletion",
    "Erasure",
    "Export",
    "Forget",
    "Forgotten",
    "Receipt",
    "SignedReceipt",
    "Subject",
    "Wish",
    "confirms_erasure",
    "wish_of",
]
