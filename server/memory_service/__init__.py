"""The server's use of `memory`: recall before an answer, storage after it, and changes of entities.

`setup.py` opens the memory from the settings.
"""

from __future__ import annotations

from server.memory_service.answer_memory import (
    AnswerMemory,
    MemoryService,
    RecalledContext,
)
from server.memory_service.conversation import ConversationContext, facts_of
from server.memory_service.entity_changes import ChangeSource
from server.memory_service.obedience import Obeyed, asks_of_memory
from server.memory_service.setup import (
    KEY_FAULTS,
    open_embedder,
    open_memory,
    user_keys,
)

__all__ = [
    "KEY_FAULTS",
    "AnswerMemory",
    "ChangeSource",
    "ConversationContext",
    "MemoryService",
    "Obeyed",
    "RecalledContext",
    "asks_of_memory",
    "facts_of",
    "open_embedder",
    "open_memory",
    "user_keys",
]
