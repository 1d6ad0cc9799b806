"""The interface of a provider dialect: requests out, payloads in, no waiting.

A dialect is one sans-IO file. `streaming/model/chat_model.py` owns the HTTP; it knows no provider's vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from parser import well_formed
from streaming.chat import ChatRequest, Delta, ErrorDelta
from streaming.dialects.reasoning_text import ReasoningHabit
from streaming.dialects.sse import ServerSentEvent

_RETRYABLE = re.compile(
    r"rate_?limit|overload|server_?error|internal|unavailable|timeout|capacity|^(408|429|5\d\d)$", re.IGNORECASE
)


@dataclass(slots=True)
class ModelHabits:
    """What is known about one model between its answers. The dialect's decoders read and update it.

    `origin` names the model and its address; see `streaming.chat.ProviderState`. `served` is the name that the server
    gave in its latest answer, with the fingerprint of the server if it gave one; "" before the first one. With
    `separates_reasoning` the API is known to send reasoning apart from the text, so text is never held back because of
    its first words.
    """

    origin: str = ""
    reasoning: ReasoningHabit = field(default_factory=ReasoningHabit)
    served: str = ""
    separates_reasoning: bool = False


class PayloadDecoder(Protocol):
    """Reads one response. Input from the provider never raises an exception: faults are `ErrorDelta`s."""

    def feed_text_events(self, events: bytes) -> list[Delta] | None:
        """The deltas of whole events, as bytes, if each of them is one piece of text and nothing else.

        None otherwise; then nothing has been read. The result equals that of `feed`, with adjacent texts joined.
        """
        ...

    def feed(self, event: ServerSentEvent, *, cut: bool = False) -> list[Delta]:
        """The deltas of one event, in order. With `cut` the stream ended inside it; invalid JSON is then ignored."""
        ...

    def close(self) -> list[Delta]:
        """The last deltas, after the response ended.

        A whole response has exactly one `FinishDelta`, or at least one `ErrorDelta`. A stream that ends before the
        provider says that the answer is complete ends in `ErrorDelta` code `cut`.
        """
        ...

    @property
    def finished(self) -> bool:
        """Whether the model has stopped: there was a `FinishDelta`. Usage may still follow."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the provider said that nothing more follows."""
        ...

    @property
    def late_error(self) -> ErrorDelta | None:
        """An error that the provider reported after the `FinishDelta`. The answer is complete all the same."""
        ...


class Dialect(Protocol):
    """The part of a provider's HTTP API that a streamed chat needs."""

    @property
    def name(self) -> str:
        """The name used in the settings."""
        ...

    def path(self, model: str) -> str:
        """The resource below the model's base URL, with its leading slash; it may name `model`."""
        ...

    @property
    def structured_output(self) -> bool:
        """Whether `ChatRequest.response_schema` constrains a streamed answer to a JSON Schema."""
        ...

    def headers(self, key: str | None) -> Mapping[str, str]:
        """The request's headers, with the key when there is one."""
        ...

    def body(self, request: ChatRequest, model: str) -> bytes:
        """The request's JSON, asking for a stream."""
        ...

    def decoder(self, habits: ModelHabits | None = None) -> PayloadDecoder:
        """A decoder for one response of the model that `habits` describes."""
        ...


def provider_error(message: object, *codes: object) -> ErrorDelta:
    """An `ErrorDelta` from a provider's message and codes; the first usable code becomes the error's code."""
    names = [str(code) for code in codes if isinstance(code, str | int) and not isinstance(code, bool) and code != ""]
    return ErrorDelta(
        message=well_formed(message) if isinstance(message, str) else "",
        code=well_formed(names[0]) if names else None,
        retryable=any(_RETRYABLE.search(name) for name in names),
    )
