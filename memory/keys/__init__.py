"""The master keys and the users' keys: wrapping, unwrapping, and the key shares outside the database.

Other packages get a user's key only as a `UserKey`.
"""

from __future__ import annotations

from memory.keys.folder_shares import FolderShares
from memory.keys.master import (
    KeyRing,
    UnboundKey,
    WrongMasterKey,
    check_master_key,
    new_master_key,
)
from memory.keys.shares import KeyShares, MissingKeyShare
from memory.keys.user_keys import UserKey, UserKeys

__all__ = [
    "FolderShares",
    "KeyRing",
    "KeyShares",
    "MissingKeyShare",
    "UnboundKey",
    "UserKey",
    "UserKeys",
    "WrongMasterKey",
    "check_master_key",
    "new_master_key",
]
