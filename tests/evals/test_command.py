"""The exit status of `python -m evals`: a run that could not be made is not a closed gate."""

from __future__ import annotations

from typing import Any

import pytest

from evals import __main__ as command
from server.local_model import LocalModelFailed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--gate", "nonsense"], "'nonsense' is not a gate"),
        (["run", "--trials", "0"], "trials is 0; it must be at least 1"),
        (["run", "no-such-scenario"], "no scenario has no-such-scenario"),
        (["run", "--prices", "1,2"], "it must be three numbers"),
        (["compare", "/nowhere/a.json", "/nowhere/b.json"], "/nowhere/a.json"),
    ],
)
def test_wrong_arguments_are_a_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("evals: ")
    assert said in error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LocalModelFailed("the model needs 1.8 GB"), "evals: the model needs 1.8 GB"),
        (RuntimeError("a bug"), "RuntimeError: a bug"),
    ],
)
def test_a_run_that_fails_has_another_status_than_a_closed_gate(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(command, "write_logs", lambda: None)
    monkeypatch.setattr("evals.__main__.trio.run", fail)
    assert command.main(["run", "tasks/overdue"]) == 2
    assert said in capsys.readouterr().err
