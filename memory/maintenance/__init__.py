"""Maintenance of keys and vectors: checks at start, key rotation, re-embedding, and the eviction of cached keys.

Everything here works over all users, in the background or from a command.
"""

from __future__ import annotations

from memory.maintenance.key_check import KeysDoNotFit, check_keys, sampled_keys
from memory.maintenance.key_upkeep import KeyUpkeep
from memory.maintenance.reembed import Reembedded, Reembedding
from memory.maintenance.rekey import Rekeying

__all__ = [
    "KeyUpkeep",
    "KeysDoNotFit",
    "Reembedded",
    "Reembedding",
    "Rekeying",
    "check_keys",
    "sampled_keys",
]
