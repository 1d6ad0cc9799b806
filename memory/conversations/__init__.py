"""Conversations: the person's list of them, their exchanges, and the part that a model is shown with a follow-up.

The exchanges are the rows of the episodic tier. `memory.tiers` holds the titles, `memory.rights` forgets.
"""

from __future__ import annotations

from memory.conversations.conversations import Conversation, Conversations, Page, Position, StoredExchange
from memory.conversations.earlier import BYTES_PER_TOKEN, Earlier, PastExchange, PastSummary, fit, tokens_in
from memory.conversations.facts import shorten_facts

__all__ = [
    "BYTES_PER_TOKEN",
    "Conversation",
    "Conversations",
    "Earlier",
    "Page",
    "PastExchange",
    "PastSummary",
    "Position",
    "StoredExchange",
    "fit",
    "shorten_facts",
    "tokens_in",
]
