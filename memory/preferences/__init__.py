"""What a person states about themselves: rules that find it, and the step that decides whether it may be stored.

Pure: nothing here does I/O or knows about keys.
"""

from __future__ import annotations

from memory.preferences.acceptance import FAMILIES, KNOWN, accepted
from memory.preferences.preference import Preference
from memory.preferences.rules import compile_rules, preferences_in, rules_compiled

__all__ = [
    "FAMILIES",
    "KNOWN",
    "Preference",
    "accepted",
    "compile_rules",
    "preferences_in",
    "rules_compiled",
]
