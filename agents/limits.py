"""The bounds of one request's agent work. The server fills them from its settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentLimits:
    """What one request may cost. Characters are Python characters; a bound on tokens is the model's own."""

    max_rounds: int = 8
    """Model calls that may ask for tools; the one after them is given none and must answer."""
    max_calls: int = 32
    """Tool calls over all rounds; those past it are answered with an error that says so."""
    tool_time_s: float = 240.0
    """Seconds spent waiting for tools over all rounds, the person's approvals included."""
    result_chars: int = 16_000
    """Length of one tool result as the model reads it."""
    total_result_chars: int = 120_000
    """Length of all tool results of the request together."""
    kept_items: int = 5_000
    """Items that the request keeps of what tools returned, for blocks to refer to; those past it are not kept."""
    kept_chars: int = 4_000_000
    """Length of these items together, as JSON."""
    history_chars: int = 24_000
    """Length of the conversation history given to the model, counted from its newest message."""
    quoted_chars: int = 12_000
    """Length of each piece of quoted data (the recalled memory, the popup's item)."""
    answer_tokens: int | None = None
    """`max_tokens` of the calls that may answer; None leaves it to the provider."""
    approval_tools: frozenset[str] = frozenset()
    """Device tools the person must approve, beside the deletes, which always need it."""
    show_reasoning: bool = False
    """Whether the model's reasoning is shown, as a block of text before what it writes; the model never sees it."""
    router_deadline_s: float = 4.0
    router_tokens: int = 64
    router_history: int = 4
    """Messages of the history that the router reads."""
    router_chars: int = 4_000
    """Length of these messages together; those that do not fit are left out, the oldest first."""
    repair_timeout_s: float = 15.0
    """Seconds for one call that corrects rejected blocks; 0 means that none is made."""
    repair_tokens: int = 2048
    repair_blocks: int = 3
    """Rejected blocks that are asked for again; those after them are skipped for good."""
    repair_chars: int = 24_000
    """Length of the answer's end that the model is shown again for a repair."""
