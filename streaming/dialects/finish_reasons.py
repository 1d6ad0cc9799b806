"""The finish reasons of all providers in one table: gateways pass on the names of other APIs.

`docs/models.md` describes what becomes of a reason that is not in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from streaming.chat import FinishReason

_STOP: Final = (
    *("stop", "stopped", "stop_sequence", "stop_token", "end", "end_turn", "end_of_text", "eos", "eos_token"),
    *("eos_found", "complete", "completed", "finish", "finished", "done", "normal", "pause_turn"),
)
_LENGTH: Final = (
    *("length", "max_length", "max_tokens", "max_output_tokens", "max_completion_tokens", "model_length"),
    *("token_limit", "context_length", "context_length_exceeded", "model_context_window_exceeded"),
)
_TOOL_CALLS: Final = ("tool_calls", "tool_call", "tool_use", "function_call", "function_calls")
_CONTENT_FILTER: Final = (
    *("content_filter", "content_filtered", "content_policy", "safety", "image_safety", "recitation"),
    *("image_recitation", "prohibited_content", "image_prohibited_content", "blocklist", "spii", "language"),
    *("refusal", "sensitive", "guardrail_intervened", "error_toxic", "flagged", "moderation", "model_armor"),
)
# With these names providers say that they do not know the reason.
_OTHER: Final = ("other", "unknown", "unspecified", "finish_reason_unspecified", "image_other")

FINISH_REASONS: Final[Mapping[str, FinishReason]] = MappingProxyType(
    dict.fromkeys(_STOP, FinishReason.STOP)
    | dict.fromkeys(_LENGTH, FinishReason.LENGTH)
    | dict.fromkeys(_TOOL_CALLS, FinishReason.TOOL_CALLS)
    | dict.fromkeys(_CONTENT_FILTER, FinishReason.CONTENT_FILTER)
    | dict.fromkeys(_OTHER, FinishReason.OTHER)
)
"""By the provider's name in lower case."""

FAILURES: Final = frozenset(
    (
        *("error", "failed", "abort", "aborted", "cancelled", "canceled", "timeout", "network_error"),
        *("insufficient_system_resource", "overloaded", "engine_overloaded", "malformed_function_call"),
        *("unexpected_tool_call", "malformed_response", "too_many_tool_calls", "missing_thought_signature"),
    )
)
"""Names with which providers say that the answer failed. A second attempt usually succeeds."""
