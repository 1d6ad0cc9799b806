"""The text that the server prints when it is ready: addresses, model, database, memory, and a command to try it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final

from server.settings import Settings
from server.sockets import DEVICE_PATH
from server.startup import Running

# A checkout has it; an installed package has the command `tessera` instead.
_MAKEFILE: Final = Path(__file__).parents[1] / "Makefile"
_DEFAULT_WS_URL: Final = f"ws://{Settings.model_fields['ws_bind'].default}{DEVICE_PATH}"
_DEFAULT_REST_URL: Final = f"http://{Settings.model_fields['http_bind'].default}"


def banner(running: Running) -> str:
    """A few lines for a person at a terminal, without secrets."""
    rows = (
        ("device socket", running.ws_url),
        ("REST", f"{running.rest_url}  (schema at /openapi.json)"),
        *([("playground", running.playground)] if running.playground is not None else []),
        ("model", running.model),
        ("database", running.database),
        ("memory", running.memory),
        *((("workers", f"{running.workers} processes share these ports"),) if running.workers > 1 else ()),
        ("try it", _chat_command(running)),
        ("stop", "Ctrl-C"),
    )
    return "\n".join(
        [f"Tessera {version('tessera-server')} is ready", *(f"  {name:<14} {text}" for name, text in rows)]
    )


def _chat_command(running: Running) -> str:
    """The terminal client's command, with options for addresses that are not the defaults."""
    arguments = [
        f"{option} {url}"
        for option, url, default in (
            ("--url", running.ws_url, _DEFAULT_WS_URL),
            ("--rest", running.rest_url, _DEFAULT_REST_URL),
        )
        if url != default
    ]
    if _MAKEFILE.is_file():
        return "make chat" + (f" ARGS='{' '.join(arguments)}'" if arguments else "")
    return " ".join(["tessera chat", *arguments])
