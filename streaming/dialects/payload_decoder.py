"""The base class of the payload decoders: JSON payloads in, deltas out, an answer that ends exactly once."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, Final

import msgspec

from parser import SurrogateMender, well_formed
from streaming.chat import (
    ContentDelta,
    Delta,
    ErrorDelta,
    FinishDelta,
    FinishReason,
    ProviderState,
    ReasoningDelta,
    StateDelta,
    ToolCall,
    ToolCallDelta,
    UsageDelta,
)
from streaming.dialects.base import ModelHabits, provider_error
from streaming.dialects.finish_reasons import FAILURES, FINISH_REASONS
from streaming.dialects.sse import ServerSentEvent

_encode: Final = msgspec.json.Encoder().encode
_DONE = "[DONE]"
# An error without `error` around it, as web frameworks and gateways write it, has no other keys.
_BARE_ERROR_KEYS = frozenset(
    [
        "detail",
        "message",
        "code",
        "status",
        "statusCode",
        "status_code",
        "title",
        "path",
        "timestamp",
        "request_id",
        "object",
        "param",
        "type",
    ]
)


class JsonPayloadDecoder(ABC):
    """A `streaming.dialects.base.PayloadDecoder` for payloads that are JSON objects.

    A dialect implements `_read`, which reads one payload and calls `_add_...`, `_finish` and `_fail`.
    """

    def __init__(self, habits: ModelHabits | None = None) -> None:
        self._habits = habits or ModelHabits()
        self.finished = False
        self.complete = False
        self.late_error: ErrorDelta | None = None
        self._failed = False
        self._called = False
        self._answered = False
        self._deltas: list[Delta] = []
        self._content = SurrogateMender()
        self._reasoning = SurrogateMender()
        self._usage: UsageDelta | None = None
        # The calls that have no arguments so far, by index.
        self._bare: set[int] = set()
        self._argued: set[int] = set()  # the calls that have arguments
        self._call_has_state = False

    def feed(self, event: ServerSentEvent, *, cut: bool = False) -> list[Delta]:
        """The deltas of one event, in order. With `cut` the stream ended inside it; invalid JSON is then ignored."""
        if self.complete:
            return []
        text = (event.data if event.error is None else event.error).strip()
        if text == _DONE:
            # Some servers never send a finish reason, only `[DONE]`.
            self._finish(FinishReason.STOP)
            self.complete = True
        elif text:
            try:
                payload = json.loads(text)
            except (ValueError, RecursionError):
                payload = None
            if payload is None and (cut or self.finished):
                return []  # the answer was cut, or it is complete and only its usage is lost
            if event.error is not None or event.event == "error":
                self._fail(self._error((payload.get("error") or payload) if isinstance(payload, dict) else text))
            else:
                self._take(payload)
        return self._given()

    def close(self) -> list[Delta]:
        """The last deltas, after the response ended. Code `cut` if it ended before the model stopped."""
        if not self.complete:
            self.complete = True
            if not (self.finished or self._failed):
                self._flush(cut=True)
                self._fail(ErrorDelta("The stream ended before the answer did.", "cut", retryable=True))
        return self._given()

    @abstractmethod
    def _read(self, payload: dict[str, Any]) -> None:
        """Read one payload. Values that differ from the provider's documentation are ignored, without an exception."""

    @staticmethod
    def _error(error: object) -> ErrorDelta:
        """The provider's error object, or its text."""
        if isinstance(error, dict):
            return provider_error(error.get("message"), error.get("code"), error.get("type"), error.get("status_code"))
        return provider_error(error)

    def _take(self, payload: object) -> None:
        if isinstance(payload, list) and (faults := [part["error"] for part in objects(payload) if part.get("error")]):
            self._fail(self._error(faults[0]))  # as Google's APIs report errors
        elif isinstance(payload, dict):
            if _is_bare_error(payload):
                self._fail(self._error({**payload, "message": payload.get("detail") or payload.get("message")}))
            elif faults := _listed_errors(payload):
                self._fail(self._error(faults[0]))
            else:
                self._read(payload)
        else:
            self._fail(ErrorDelta("The provider sent a payload that is not a JSON object.", "invalid_payload", True))

    def _given(self) -> list[Delta]:
        deltas, self._deltas = self._deltas, []
        return deltas

    # ---- for `_read` ------------------------------------------------------------------------------------------------

    def _add_text(self, text: object) -> None:
        if isinstance(text, str) and text:
            self._answered = True
            if (text.isascii() and not self._content.held) or (text := self._content.mend(text)):
                self._deltas.append(ContentDelta(text))

    def _add_reasoning(self, text: object) -> None:
        if isinstance(text, str) and text and (text := self._reasoning.mend(text)):
            self._deltas.append(ReasoningDelta(text))

    def _add_call(self, delta: ToolCallDelta) -> None:
        self._called = True
        self._deltas.append(
            ToolCallDelta(
                delta.index,
                _well_formed(delta.id),
                _well_formed(delta.name),
                well_formed(delta.arguments),
                delta.state,
            )
        )
        self._call_has_state = self._call_has_state or delta.state is not None
        if delta.arguments.strip():
            self._argued.add(delta.index)
            self._bare.discard(delta.index)
        elif delta.name and delta.index not in self._argued:
            self._bare.add(delta.index)

    def _add_usage(self, input_tokens: int, output_tokens: int, cached: object = None) -> None:
        """Add the token counts so far, unless they are zero or unchanged. `cached`: the provider's count, if any."""
        usage = UsageDelta(input_tokens, output_tokens, None if cached is None else count(cached))
        if usage != self._usage and (input_tokens or output_tokens):
            self._usage = usage
            self._deltas.append(usage)

    def _finish_named(self, name: str) -> None:
        """The model has stopped, for the reason that the provider calls `name`."""
        word = name.strip().lower()
        if word in FAILURES:
            code = None if word == "error" else well_formed(word)
            self._fail(ErrorDelta("The provider failed in the middle of the answer.", code, retryable=True))
        elif word in FINISH_REASONS:
            self._finish(FINISH_REASONS[word])
        else:
            self._finish(FinishReason.OTHER, unknown=well_formed(name))

    def _finish(self, reason: FinishReason, *, unknown: str | None = None) -> None:
        """The model has stopped. Only the first call has an effect."""
        self._flush(cut=reason in (FinishReason.LENGTH, FinishReason.CONTENT_FILTER))
        if not self.finished and not self._failed:
            self.finished = True
            # Some servers send `stop` after tool calls, and some APIs have no reason for tool calls.
            if reason is FinishReason.STOP and self._called:
                reason = FinishReason.TOOL_CALLS
            if reason is FinishReason.TOOL_CALLS:
                # The calls are complete, so these have no arguments.
                self._deltas += [ToolCallDelta(index, arguments="{}") for index in sorted(self._bare)]
            if (data := self._state()) or self._call_has_state:
                self._deltas.append(StateDelta(ProviderState(self._habits.origin, data)))
            self._deltas.append(FinishDelta(reason, unknown))

    def _state(self) -> dict[str, Any]:
        """What the provider wants back with the message; see `ProviderState`. Empty if there is nothing.

        Also without a tool call, because a call that the model wrote as text is only recognised later.
        """
        return {}

    def _fail(self, error: ErrorDelta) -> None:
        """The answer has failed, unless it is complete: after the finish reason. Nothing that follows counts."""
        self.complete = True
        if self.finished:
            self.late_error = self.late_error or error
            return
        if not self._failed:
            self._flush(cut=True)
            self._deltas.append(error)
        self._failed = True

    def _flush(self, *, cut: bool) -> None:
        """Add what was held back, before the answer ends; `cut` if the model did not finish.

        First halves of surrogate pairs whose second half did not come become U+FFFD.
        """
        del cut
        if reasoning := self._reasoning.mend("", last=True):
            self._deltas.append(ReasoningDelta(reasoning))
        if content := self._content.mend("", last=True):
            self._deltas.append(ContentDelta(content))


def _is_bare_error(payload: dict[str, Any]) -> bool:
    if not payload.keys() <= _BARE_ERROR_KEYS or not ("detail" in payload or isinstance(payload.get("message"), str)):
        return False
    # An event of a type that is not known here is not an error.
    return "type" not in payload or payload.get("object") == "error"


def _listed_errors(payload: dict[str, Any]) -> list[Any]:
    """The errors of a payload that has a list of them and no answer."""
    errors = payload.get("errors")
    if not isinstance(errors, list) or payload.get("choices") or payload.get("candidates"):
        return []
    return [error for error in errors if error and isinstance(error, dict | str)]


def _well_formed(text: str | None) -> str | None:
    return None if text is None else well_formed(text)


def count(value: object) -> int:
    """A token count from a provider; 0 for any value that is not a count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def objects(values: object) -> list[dict[str, Any]]:
    """The objects in `values`; empty if it is not a list."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def encoded(body: dict[str, Any]) -> bytes:
    """`body` as JSON in UTF-8. An unpaired surrogate becomes `?`, so that it cannot fail the request."""
    try:
        # Seven times as fast as `json`. It has no way to replace surrogates, and does not take every subclass.
        return _encode(body)
    except (UnicodeEncodeError, TypeError):
        pass
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """The arguments as an object, which some APIs require; empty if the model wrote something else."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return {}
    return arguments if isinstance(arguments, dict) else {}
