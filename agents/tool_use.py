"""What the tool calls of one request have used of its limits, and how they failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MODEL_FAULTS: Final = frozenset({"invalid_arguments", "unknown_tool", "call_cut", "tool_limit", "not_asked"})
"""Errors in the call that the model wrote. The device was not asked."""

UNCERTAIN: Final = frozenset({"deadline", "cancelled", "device_gone", "malformed_result", "outcome_unknown"})
"""Errors after which the device may have acted."""


@dataclass(slots=True)
class ToolUse:
    """Counted over the whole request, also when the model is asked again. `errors` are the codes of failed calls."""

    rounds: int = 0
    calls: int = 0
    seconds: float = 0.0
    chars: int = 0
    cut_calls: int = 0
    ids: set[str] = field(default_factory=set)
    errors: set[str] = field(default_factory=set)
    uncertain_changes: int = 0
    """Calls of which it is not known whether the device made the change."""
    answered: int = 0
    """Calls of an entity's tools for which the device looked at its items."""
    failed_changes: int = 0
    """Failed calls in the latest round that called tools which change items."""
    tried_change: bool = False
    """A tool that changes items was called, whatever the request was classed as: the answer may claim this change."""
    asked_again: bool = False
    """The model was asked once more, because its answer had no data or changed nothing."""
    written_calls: dict[str, int] = field(default_factory=dict)
    """Calls that the model wrote as text, by form."""

    @property
    def explained(self) -> bool:
        """Whether the device or the person refused or failed a call, so that the model knows why nothing changed."""
        return not self.errors <= MODEL_FAULTS

    @property
    def uncertain(self) -> bool:
        """Whether the device may have changed something although the call failed."""
        return bool(self.errors & UNCERTAIN)
