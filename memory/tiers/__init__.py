"""The tiers of memory and their rows: core, episodic, associative, proactive, and the tombstones of forgotten items.

Each module reads and writes one kind of row through `memory.vault`.
"""

from __future__ import annotations

from memory.tiers.associative import AssociativeMemory
from memory.tiers.core import (
    WELL_KNOWN,
    CoreForgetting,
    CoreMemory,
    InvalidCoreValue,
    PreferenceChanged,
    TooManyPreferences,
    preference_columns,
)
from memory.tiers.documents import (
    Content,
    Document,
    DocumentVectors,
    content_purpose,
    document_key,
    normalised,
    with_roles,
)
from memory.tiers.entities import EntityChange, EntityMemory, InvalidEntity
from memory.tiers.episodic import (
    EpisodeSummary,
    EpisodicMemory,
    Exchange,
    exchange_purpose,
    seal_summary,
    summarise,
    summary_purpose,
)
from memory.tiers.manifest import Manifest
from memory.tiers.patterns import EpisodeFacts, fits
from memory.tiers.proactive import PatternForgetting, ProactiveMemory, SightedRows, facts_of, pattern_values
from memory.tiers.titles import (
    MAX_TITLE_CHARS,
    ConversationTitles,
    clean_title,
    conversation_key,
    make_title,
    title_purpose,
)
from memory.tiers.tombstones import TOMBSTONES_KEPT, Tombstones, erase_tombstones
from memory.tiers.turns import (
    READ_AT_ONCE,
    exchanges_in,
    last_turn,
    previous_turns,
    turns_in,
    useful_previous_turn,
)

__all__ = [
    "MAX_TITLE_CHARS",
    "READ_AT_ONCE",
    "TOMBSTONES_KEPT",
    "WELL_KNOWN",
    "AssociativeMemory",
    "Content",
    "ConversationTitles",
    "CoreForgetting",
    "CoreMemory",
    "Document",
    "DocumentVectors",
    "EntityChange",
    "EntityMemory",
    "EpisodeFacts",
    "EpisodeSummary",
    "EpisodicMemory",
    "Exchange",
    "InvalidCoreValue",
    "InvalidEntity",
    "Manifest",
    "PatternForgetting",
    "PreferenceChanged",
    "ProactiveMemory",
    "SightedRows",
    "Tombstones",
    "TooManyPreferences",
    "clean_title",
    "content_purpose",
    "conversation_key",
    "document_key",
    "erase_tombstones",
    "exchange_purpose",
    "exchanges_in",
    "facts_of",
    "fits",
    "last_turn",
    "make_title",
    "normalised",
    "pattern_values",
    "preference_columns",
    "previous_turns",
    "seal_summary",
    "summarise",
    "summary_purpose",
    "title_purpose",
    "turns_in",
    "useful_previous_turn",
    "with_roles",
]
