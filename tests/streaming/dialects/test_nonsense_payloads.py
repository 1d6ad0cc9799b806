"""Payloads that no provider sends: no decoder raises, ends twice, or returns a string that cannot be UTF-8."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.chat import Delta, ErrorDelta, FinishDelta
from streaming.dialects import DIALECTS
from streaming.dialects.sse import ServerSentEvent

KEYS = re.findall(
    r"\S+",
    """type index item item_id output_index content_index delta text partial_json content_block content message usage
    stop_reason response output status error code name id call_id arguments input thinking candidates parts
    functionCall args partialArgs jsonPath willContinue finishReason usageMetadata promptFeedback choices tool_calls
    function finish_reason reasoning_content""",
)
VALUES = re.findall(
    r"\S+",
    """content_block_start content_block_delta content_block_stop message_start message_delta message_stop text_delta
    input_json_delta tool_use text thinking response.output_item.added response.output_item.done function_call
    response.function_call_arguments.delta response.function_call_arguments.done response.output_text.delta
    response.output_text.done response.completed error STOP $.a[0] <think>""",
)
leaves = (
    st.sampled_from([*VALUES, "\ud800"])
    | st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.floats()
    | st.text(max_size=3)
)
payloads = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
)


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), payloads, min_size=1, max_size=6), max_size=5))
def test_no_payload_makes_a_decoder_raise_or_end_twice(dialect: str, sent: list[dict[str, Any]]) -> None:
    decoder = DIALECTS[dialect].decoder()
    deltas: list[Delta] = []
    for payload in sent:
        deltas += decoder.feed(ServerSentEvent(json.dumps(payload)))
    deltas += decoder.close()
    finishes = [delta for delta in deltas if isinstance(delta, FinishDelta)]
    assert len(finishes) == 1 or any(isinstance(delta, ErrorDelta) for delta in deltas)
    for delta in deltas:
        for field in ("text", "arguments", "name", "id", "message"):
            value = getattr(delta, field, "") or ""
            value.encode()
