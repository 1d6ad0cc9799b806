"""Requests of the `ChatModel` tests, and helpers that read the answers."""

from __future__ import annotations

from collections.abc import Callable

from streaming.chat import ChatRequest, ContentDelta, Delta, Message
from streaming.model.chat_model import ChatModel

KEY = "sk-very-secret-0123456789"
PROMPT = "the prompt nobody may see"
REQUEST = ChatRequest((Message("user", PROMPT),))

ModelFactory = Callable[..., ChatModel]
"""Builds a model that calls the test's server; keywords override fields of `ModelConfig`."""


async def collect(model: ChatModel, into: list[Delta]) -> None:
    async with model.stream(REQUEST) as batches:
        async for batch in batches:
            assert batch
            into += batch


def texts(deltas: list[Delta]) -> list[str]:
    return [delta.text for delta in deltas if isinstance(delta, ContentDelta)]
