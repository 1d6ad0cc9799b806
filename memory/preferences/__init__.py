"""What a person states about themselves: rules that find it, and the step that decides whether it may be stored.

Pure: nothing here does I/O or knows about keys.
"""

from __future__ import annotations

from memory.preferences.acceptance import FAMILIES, KNOWN, accepted
from memory.preferences.preference import Preference
from memory.preferences.rules import preferences_in

__all__ = [
    "FAMILIES",
    "KNOWN",
    "Preference",
    "accepted",
    "preferences_in",
]
