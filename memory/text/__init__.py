"""Pure text analysis: index terms, stop words, sentences, and the text of entities.

Nothing here does I/O or knows about keys.
"""

from __future__ import annotations

from memory.text.analyser import Analyser, without_stamp
from memory.text.entity_text import entity_text
from memory.text.learning import (
    normalised,
    says_again,
    summarise,
    told,
    worth_learning,
)

__all__ = [
    "Analyser",
    "entity_text",
    "normalised",
    "says_again",
    "summarise",
    "told",
    "without_stamp",
    "worth_learning",
]
