"""The errors of a start of the terminal client, in the person's language."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from client.terminal.app import EXIT_UNREACHABLE, Options, run


async def test_unreachable_servers_and_an_invalid_file(tmp_path: Path, rest: str) -> None:
    console = Console(file=io.StringIO(), width=400)
    options = Options("ws://127.0.0.1:1/", "http://127.0.0.1:1", tmp_path, message="hello")
    assert await run(options, console, None, interactive=False) == EXIT_UNREACHABLE
    options = Options("ws://127.0.0.1:1/", rest, tmp_path, message="hello")
    assert await run(options, console, None, interactive=False) == EXIT_UNREACHABLE
    (tmp_path / "device.json").write_text("broken")
    assert await run(options, console, None, interactive=False) == EXIT_UNREACHABLE
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert said.count("There is no connection to the server. Start it with `make run`.") == 2
    assert "ws://127.0.0.1:1/ cannot be reached" in said
    assert "is not JSON" in said
    assert "The stored data of this device can't be used: " in said


async def test_the_errors_of_a_start_are_in_the_persons_language(
    tmp_path: Path, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    console = Console(file=out, width=400)
    for url, address in (("ws://127.0.0.1:1/", "http://127.0.0.1:1"), ("ws://127.0.0.1:1/", rest)):
        options = Options(url, address, tmp_path, message="hello")
        assert await run(options, console, None, interactive=False) == EXIT_UNREACHABLE
    (tmp_path / "device.json").write_text("broken")
    options = Options("ws://127.0.0.1:1/", rest, tmp_path, message="hello")
    assert await run(options, console, None, interactive=False) == EXIT_UNREACHABLE
    out.seek(0)
    said = out.read()
    assert said.count("Es gibt keine Verbindung zum Server. Starten Sie ihn mit `make run`.") == 2
    assert "Die gespeicherten Daten dieses Geräts sind nicht verwendbar: " in said
