"""Why a model stopped: the names of all providers, in every dialect, and what comes after that."""

from __future__ import annotations

from typing import Any

import pytest

from streaming.chat import ContentDelta, Delta, ErrorDelta, FinishDelta, FinishReason
from streaming.dialects import DIALECTS, PayloadDecoder
from streaming.dialects.finish_reasons import FAILURES, FINISH_REASONS
from tests.streaming.dialects.test_provider_payloads import candidate


def openai(name: str) -> list[dict[str, Any]]:
    return [
        {"choices": [{"index": 0, "delta": {"content": "a"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": name}]},
    ]


def anthropic(name: str) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "message_delta", "delta": {"stop_reason": name}},
    ]


def gemini(name: str) -> list[dict[str, Any]]:
    return [candidate({"text": "a"}), candidate(finish=name.upper())]


def responses(name: str) -> list[dict[str, Any]]:
    return [
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"},
        {"type": "response.incomplete", "response": {"status": "incomplete", "incomplete_details": {"reason": name}}},
    ]


ENDINGS = {
    "openai-chat": openai,
    "anthropic-messages": anthropic,
    "gemini-native": gemini,
    "openai-responses": responses,
}


def run(dialect: str, payloads: list[dict[str, Any]]) -> tuple[list[Delta], PayloadDecoder]:
    decoder = DIALECTS[dialect].decoder()
    deltas: list[Delta] = []
    for payload in payloads:
        decoder._take(payload)  # type: ignore[attr-defined]  # the payload itself, without its event
        deltas += decoder._given()  # type: ignore[attr-defined]
    return deltas + decoder.close(), decoder


@pytest.mark.parametrize("dialect", ENDINGS)
def test_every_name_means_the_same_in_every_dialect(dialect: str) -> None:
    for name, reason in FINISH_REASONS.items():
        deltas, _ = run(dialect, ENDINGS[dialect](name))
        assert deltas == [ContentDelta("a"), FinishDelta(reason)], name
        assert deltas[-1].unknown is None  # type: ignore[union-attr]


@pytest.mark.parametrize("dialect", ENDINGS)
def test_a_failed_answer_keeps_its_text(dialect: str) -> None:
    for name in FAILURES:
        deltas, _ = run(dialect, ENDINGS[dialect](name))
        assert deltas[0] == ContentDelta("a")
        assert isinstance(deltas[1], ErrorDelta)
        assert deltas[1].retryable


@pytest.mark.parametrize("dialect", ENDINGS)
def test_an_unknown_reason_is_named_and_no_error(dialect: str) -> None:
    deltas, decoder = run(dialect, ENDINGS[dialect]("hologram"))
    assert deltas == [ContentDelta("a"), FinishDelta(FinishReason.OTHER)]
    assert str(deltas[-1].unknown).lower() == "hologram"  # type: ignore[union-attr]
    assert decoder.finished


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages", "gemini-native"])
def test_an_error_after_the_finish_reason_fails_nothing(dialect: str) -> None:
    fault = {"type": "error", "error": {"message": "overloaded", "type": "server_error", "status": "INTERNAL"}}
    stop = {"gemini-native": "STOP", "anthropic-messages": "end_turn"}.get(dialect, "stop")
    deltas, decoder = run(dialect, [*ENDINGS[dialect](stop), fault, *ENDINGS[dialect](stop)])
    assert [delta for delta in deltas if isinstance(delta, ErrorDelta)] == []
    assert [delta for delta in deltas if isinstance(delta, FinishDelta)] == [FinishDelta(FinishReason.STOP)]
    assert decoder.late_error is not None
    assert decoder.complete
