"""Enrichment: what happens to an exchange after it is committed: summary, preferences, search entries, habits.

It runs in the background, with leases, and survives restarts.
"""

from __future__ import annotations

from memory.enrichment.worker import Describe, Description, Enrichment

__all__ = [
    "Describe",
    "Description",
    "Enrichment",
]
