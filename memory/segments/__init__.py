"""Search data in encrypted segments, which are searched in the server's memory.

Segments, their rows in the database, and the loaded indexes; `memory.recall` ranks.
"""

from __future__ import annotations

from memory.segments.loaded import NO_DISTANCE, LoadedIndex
from memory.segments.loaded_indexes import LoadedIndexes
from memory.segments.loader import IndexLoader
from memory.segments.segment import SIGNATURE_BYTES, Entry, Segment, StoredVector, micros, term_number
from memory.segments.store import (
    MAX_ENTRIES,
    IndexState,
    SegmentStore,
    in_rows,
    in_segments,
    sealed_segments,
)

__all__ = [
    "MAX_ENTRIES",
    "NO_DISTANCE",
    "SIGNATURE_BYTES",
    "Entry",
    "IndexLoader",
    "IndexState",
    "LoadedIndex",
    "LoadedIndexes",
    "Segment",
    "SegmentStore",
    "StoredVector",
    "in_rows",
    "in_segments",
    "micros",
    "sealed_segments",
    "term_number",
]
