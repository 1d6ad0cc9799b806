"""A person's memory: encrypted with the person's own key, searchable, and erasable.

`MemoryMiddleware` is the interface for the server; the sub-packages hold its parts.
"""

from __future__ import annotations

from memory.conversations import Conversation, Earlier, Page, Position, StoredExchange, shorten_facts
from memory.keys import MissingKeyShare, WrongMasterKey
from memory.limits import MemoryLimits
from memory.middleware import MemoryMiddleware
from memory.quota import QuotaReached, StorageQuota
from memory.recall import Recalled
from memory.rights import MAX_LISTED, Forgotten, Receipt, SignedReceipt, Subject, Wish, confirms_erasure, wish_of
from memory.tiers import (
    MAX_TITLE_CHARS,
    EntityChange,
    InvalidCoreValue,
    InvalidEntity,
    PreferenceChanged,
    TooManyPreferences,
    clean_title,
    conversation_key,
)
from memory.vault import NoSuchUser, NoUserKey, Tier, Vault

__all__ = [
    "MAX_LISTED",
    "MAX_TITLE_CHARS",
    "Conversation",
    "Earlier",
    "EntityChange",
    "Forgotten",
    "InvalidCoreValue",
    "InvalidEntity",
    "MemoryLimits",
    "MemoryMiddleware",
    "MissingKeyShare",
    "NoSuchUser",
    "NoUserKey",
    "Page",
    "Position",
    "PreferenceChanged",
    "QuotaReached",
    "Recalled",
    "Receipt",
    "SignedReceipt",
    "StorageQuota",
    "StoredExchange",
    "Subject",
    "Tier",
    "TooManyPreferences",
    "Vault",
    "Wish",
    "WrongMasterKey",
    "clean_title",
    "confirms_erasure",
    "conversation_key",
    "shorten_facts",
    "wish_of",
]
