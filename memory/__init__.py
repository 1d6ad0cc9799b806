"""A person's memory: encrypted with the person's own key, searchable, and erasable.

`MemoryMiddleware` is the interface for the server; the sub-packages hold its parts.
"""

from __future__ import annotations

from memory.keys import MissingKeyShare, WrongMasterKey
from memory.limits import MemoryLimits
from memory.middleware import MemoryMiddleware
from memory.recall import Recalled
from memory.rights import MAX_LISTED, Forgotten, Receipt
from memory.tiers import EntityChange, InvalidCoreValue, InvalidEntity, PreferenceChanged, TooManyPreferences
from memory.vault import NoSuchUser, Tier, Vault

__all__ = [
    "MAX_LISTED",
    "EntityChange",
    "Forgotten",
    "InvalidCoreValue",
    "InvalidEntity",
    "MemoryLimits",
    "MemoryMiddleware",
    "MissingKeyShare",
    "NoSuchUser",
    "PreferenceChanged",
    "Recalled",
    "Receipt",
    "Tier",
    "TooManyPreferences",
    "Vault",
    "WrongMasterKey",
]
