"""Reasoning models: they refuse a temperature and use another name for `max_tokens`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from streaming.dialects.base import Dialect
from streaming.dialects.openai_chat import OpenAIChat
from streaming.dialects.openai_responses import OpenAIResponses

# o1, o3-mini, o4-mini-..., gpt-5, gpt-5.1-..., openai/gpt-5-mini; but gpt-5-chat-latest does not reason.
_NAMES: Final = re.compile(r"(?:.*/)?(?:o[1-9]|gpt-[5-9])(?![^/]*-chat)(?![a-z])[^/]*", re.IGNORECASE)


def is_reasoning_model(name: str) -> bool:
    """Whether the name is one of OpenAI's reasoning models, also with a reseller's prefix."""
    return _NAMES.fullmatch(name) is not None


def fitted(dialect: Dialect, *, reasoning: bool) -> Dialect:
    """`dialect` with the settings for a model that reasons, or does not. Only OpenAI's dialects differ."""
    match dialect:
        case OpenAIChat():
            field = "max_completion_tokens" if reasoning else "max_tokens"
            return replace(dialect, max_tokens_field=field, takes_temperature=not reasoning)
        case OpenAIResponses():
            return replace(dialect, takes_temperature=not reasoning, returns_reasoning=reasoning)
    return dialect
