"""The tiers of memory and their rows: core, episodic, associative, proactive, and the tombstones of forgotten items.

Each module reads and writes one kind of row through `memory.vault`.
"""

from __future__ import annotations

from memory.tiers.associative import (
    Content,
    Document,
    MemoryStore,
    identity,
    purpose,
)
from memory.tiers.core import (
    CoreMemory,
    InvalidCoreValue,
    PreferenceChanged,
    TooManyPreferences,
    history_purpose,
    value_purpose,
)
from memory.tiers.entities import EntityChange, EntityMemory, entity_digests
from memory.tiers.episodic import (
    EpisodeSummary,
    EpisodicMemory,
    Exchange,
    exchange_purpose,
    summary_purpose,
)
from memory.tiers.preference_names import WELL_KNOWN, unwrapped
from memory.tiers.proactive import ProactiveMemory, pattern_purpose, pattern_values
from memory.tiers.tombstones import (
    Forgotten,
    add_in,
    among_in,
    erased_in,
    forgetting_in,
    forgotten_in,
    reseal_forgetting_key,
)
from memory.tiers.turns import previous_turns, told_apart

__all__ = [
    "WELL_KNOWN",
    "Content",
    "CoreMemory",
    "Document",
    "EntityChange",
    "EntityMemory",
    "EpisodeSummary",
    "EpisodicMemory",
    "Exchange",
    "Forgotten",
    "InvalidCoreValue",
    "MemoryStore",
    "PreferenceChanged",
    "ProactiveMemory",
    "TooManyPreferences",
    "add_in",
    "among_in",
    "entity_digests",
    "erased_in",
    "exchange_purpose",
    "forgetting_in",
    "forgotten_in",
    "history_purpose",
    "identity",
    "pattern_purpose",
    "pattern_values",
    "previous_turns",
    "purpose",
    "reseal_forgetting_key",
    "summary_purpose",
    "told_apart",
    "unwrapped",
    "value_purpose",
]
