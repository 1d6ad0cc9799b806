"""Maintenance: key checks at start, key rotation, re-embedding, and the removal of cached keys and expired rows.

It runs at the start, in the background, or from a command.
"""

from __future__ import annotations

from memory.maintenance.expiry import Expiry
from memory.maintenance.index_change import IndexChange
from memory.maintenance.key_check import KeysDoNotFit, check_keys, sampled_keys
from memory.maintenance.key_renewal import KeyRenewal
from memory.maintenance.key_upkeep import KeyUpkeep
from memory.maintenance.reembed import Reembedded, Reembedding
from memory.maintenance.rekey import UserKeyRotation
from memory.maintenance.rewrap import MasterKeyRotation

__all__ = [
    "Expiry",
    "IndexChange",
    "KeyRenewal",
    "KeyUpkeep",
    "KeysDoNotFit",
    "MasterKeyRotation",
    "Reembedded",
    "Reembedding",
    "UserKeyRotation",
    "check_keys",
    "sampled_keys",
]
