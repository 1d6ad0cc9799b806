from __future__ import annotations

import pytest

from agents.device import DeviceResult, Outcome
from agents.tools.error import ToolError


@pytest.mark.parametrize(
    ("result", "code", "words"),
    [
        (DeviceResult(Outcome.ERROR, code="not_found", message="No task t9."), "not_found", "No task t9."),
        (DeviceResult(Outcome.ERROR), "error", "could not do this"),
        (DeviceResult(Outcome.DENIED, code="denied", message="Not today."), "denied", "refused this action. Do not"),
        (DeviceResult(Outcome.DENIED, code="denied", message="Not today."), "denied", "Not today."),
        (DeviceResult(Outcome.DENIED), "denied", "refused this action"),
        (DeviceResult(Outcome.DEADLINE, code="late", message="Late."), "deadline", "did not answer in time"),
        (DeviceResult(Outcome.DEVICE_OFFLINE, message="Offline."), "device_offline", "nothing was read"),
        (DeviceResult(Outcome.DEVICE_GONE), "device_gone", "disconnected"),
        (DeviceResult(Outcome.UNKNOWN), "outcome_unknown", "Do not repeat it"),
        (DeviceResult(Outcome.CANCELLED), "cancelled", "withdrawn"),
    ],
)
def test_every_outcome_is_a_code_and_a_sentence(result: DeviceResult, code: str, words: str) -> None:
    error = ToolError.of(result)
    assert error.code == code
    assert words in error.message
    assert str(error) == f"{error.code}: {error.message}"
