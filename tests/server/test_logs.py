"""The format of the logs, and contents that they never hold."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from server.logs import configure_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Restore pytest's logging setup, which is global to the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail_with_a_secret_near() -> None:
    secret = "hunter2"  # noqa: F841 - a local variable that a careless traceback would show
    raise RuntimeError("broken")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure_logging("info", log_format)  # type: ignore[arg-type]  # of the table above
    try:
        fail_with_a_secret_near()
    except RuntimeError:
        structlog.get_logger("test").exception("request_failed")
    written = capsys.readouterr().err
    assert "broken" in written
    assert "fail_with_a_secret_near" in written
    assert "hunter2" not in written


def test_json_lines_carry_what_is_bound(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "auto")
    with structlog.contextvars.bound_contextvars(session_id="s1", request_id="r1"):
        structlog.get_logger("test").info("request_ended", mode="home")
        logging.getLogger("library").warning("a library says %s", "so")
    own, library = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (own["event"], own["session_id"], own["request_id"], own["level"]) == ("request_ended", "s1", "r1", "info")
    assert (library["event"], library["request_id"]) == ("a library says so", "r1")


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("warning", "json")
    structlog.get_logger("test").info("quiet")
    logging.getLogger("httpx").info("https://model/secret-path")
    assert capsys.readouterr().err == ""


def test_a_line_that_cannot_be_written_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", "json")
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    with Path(os.devnull).open() as unwritable:
        handler.stream = unwritable
        structlog.get_logger("test").info("lost")
    structlog.get_logger("test").info("lost too")
    handler.stream = sys.stderr
    structlog.get_logger("test").info("written")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["written"]
