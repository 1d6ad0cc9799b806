"""Models that think before they answer, and so refuse a temperature and know `max_tokens` by another name."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from streaming.dialects.base import Dialect
from streaming.dialects.openai_chat import OpenAIChat
from streaming.dialects.openai_responses import OpenAIResponses

# o1, o3-mini, o4-mini-..., gpt-5, gpt-5.1-..., openai/gpt-5-mini; but gpt-5-chat-latest does not think.
_NAMES: Final = re.compile(r"(?:.*/)?(?:o[1-9]|gpt-[5-9])(?![^/]*-chat)(?![a-z])[^/]*", re.IGNORECASE)


def is_reasoning_model(name: str) -> bool:
    """Whether the name is one of OpenAI's reasoning models, be it behind a reseller's prefix."""
    return _NAMES.fullmatch(name) is not None


def fitted(dialect: Dialect, *, reasoning: bool) -> Dialect:
    """`dialect` as it is spoken to a model that reasons, or does not. Other providers' know no difference."""
    match dialect:
        case OpenAIChat():
            field = "max_completion_tokens" if reasoning else "max_tokens"
            return replace(dialect, max_tokens_field=field, takes_temperature=not reasoning)
        case OpenAIResponses():
            return replace(dialect, takes_temperature=not reasoning)
    return dialect
