"""Provider dialects by name: requests to a provider's JSON, and its event stream to deltas. All of it is sans-IO.

There is one file per dialect; `base` defines what a dialect is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from streaming.dialects.anthropic_messages import AnthropicMessages
from streaming.dialects.base import Dialect, ModelHabits, PayloadDecoder
from streaming.dialects.conversation import own_state, with_replies
from streaming.dialects.gemini_native import GeminiNative
from streaming.dialects.hosts import at_host, is_self_hosted, separates_reasoning
from streaming.dialects.openai_chat import OpenAIChat
from streaming.dialects.openai_responses import OpenAIResponses
from streaming.dialects.reasoning_models import fitted, is_reasoning_model
from streaming.dialects.reasoning_text import ReasoningHabit
from streaming.dialects.sse import ServerSentEvent, SseDecoder

_ALL: tuple[Dialect, ...] = (OpenAIChat(), OpenAIResponses(), AnthropicMessages(), GeminiNative())

DIALECTS: Mapping[str, Dialect] = MappingProxyType({dialect.name: dialect for dialect in _ALL})
"""Every dialect that the settings can name."""

__all__ = [
    "DIALECTS",
    "AnthropicMessages",
    "Dialect",
    "GeminiNative",
    "ModelHabits",
    "OpenAIChat",
    "OpenAIResponses",
    "PayloadDecoder",
    "ReasoningHabit",
    "ServerSentEvent",
    "SseDecoder",
    "at_host",
    "fitted",
    "is_reasoning_model",
    "is_self_hosted",
    "own_state",
    "separates_reasoning",
    "with_replies",
]
