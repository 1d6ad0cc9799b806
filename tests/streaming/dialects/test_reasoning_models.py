"""The names that are recognised as reasoning models."""

from __future__ import annotations

import pytest

from streaming.dialects import DIALECTS
from streaming.dialects.reasoning_models import fitted, is_reasoning_model


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(
            (name, True)
            for name in ("o1", "o1-preview", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "GPT-5.1", "gpt-5-nano")
        ),
        *((name, True) for name in ("o1", "o1-preview", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "GPT-5.1")),
        *((name, True) for name in ("gpt-5-nano", "openai/gpt-5-mini", "openai/o3", "a/b/gpt-5-2025-08-07")),
        *((name, False) for name in ("gpt-4o", "gpt-4.1-mini", "gpt-3.5-turbo", "gpt-5-chat-latest", "x/gpt-5-chat")),
        *((name, False) for name in ("claude-3-opus", "olmo-7b", "o1something", "gpt-oss-120b", "o", "qwen/o1x", "")),
    ],
)
def test_names(name: str, expected: bool) -> None:
    assert is_reasoning_model(name) is expected


def test_other_dialects_stay_as_they_are() -> None:
    for name in ("anthropic-messages", "gemini-native"):
        assert fitted(DIALECTS[name], reasoning=True) is DIALECTS[name]
    assert fitted(fitted(DIALECTS["openai-chat"], reasoning=True), reasoning=False) == DIALECTS["openai-chat"]
