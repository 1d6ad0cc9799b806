"""Enrichment of an exchange after it is committed: its summary, preferences, search entries and patterns.

It runs in the background, with leases, and survives restarts.
"""

from __future__ import annotations

from memory.enrichment.enriched import Description
from memory.enrichment.novelty import worth_learning
from memory.enrichment.worker import Describe, Enrichment

__all__ = [
    "Describe",
    "Description",
    "Enrichment",
    "worth_learning",
]
