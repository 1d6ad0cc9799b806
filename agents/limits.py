"""The limits of one request's agent work. The server sets them from its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """What one request may use. Lengths are in Python characters; tokens are counted by the model."""

    max_rounds: int = 8
    """Model calls that may ask for tools; the call after them is offered none and must answer."""
    max_calls: int = 32
    """Tool calls over all rounds; further calls get the error `tool_limit`."""
    tool_time_s: float = 240.0
    """Seconds spent waiting for tools over all rounds, including the person's approvals."""
    result_chars: int = 16_000
    """Characters of one tool result that the model reads."""
    total_result_chars: int = 120_000
    """Characters of all tool results of the request together."""
    kept_items: int = 5_000
    """Items of tool results that are kept for blocks; further items are not kept."""
    kept_chars: int = 4_000_000
    """Characters of these items together, as JSON."""
    history_chars: int = 24_000
    """Characters of the conversation history sent to the model, counted from the newest message."""
    quoted_chars: int = 12_000
    """Characters of each piece of quoted data (the recalled memory, the popup's item)."""
    answer_tokens: int | None = None
    """`max_tokens` of each answering call; None means the provider's default."""
    approval_tools: frozenset[str] = frozenset()
    """Device tools that need the person's approval, in addition to the delete tools, which always need it."""
    show_reasoning: bool = False
    """Whether the model's reasoning is shown, as a text block before its answer. It is not sent back to the model."""
    router_asks: Literal["always", "doubt", "never"] = "doubt"
    """When the router's model chooses the agent; `doubt`: if the local classifier is not certain."""
    router_deadline_s: float = 4.0
    router_tokens: int = 64
    router_history: int = 4
    """Messages of the history that the router model reads."""
    router_chars: int = 4_000
    """Characters of these messages together; the oldest messages that do not fit are left out."""
    repair_timeout_s: float = 15.0
    """Seconds for the model call that corrects rejected blocks; 0 turns it off."""
    repair_tokens: int = 2048
    repair_blocks: int = 3
    """Rejected blocks of an answer that are asked for again; the others stay out of the answer."""
    repair_chars: int = 24_000
    """Characters of the end of its answer that the model is shown for a repair."""
