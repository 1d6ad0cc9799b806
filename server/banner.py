"""What the server prints when it is ready: where to connect, what it uses, and how to try it."""

from __future__ import annotations

from importlib.metadata import version

from server.main import Running


def banner(running: Running) -> str:
    """A few lines for a person at a terminal; no secrets in them."""
    rows = (
        ("device socket", running.ws_url),
        ("REST", f"{running.rest_url}  (schema at /openapi.json)"),
        ("model", running.model),
        ("database", running.database),
        ("memory", running.memory),
        ("try it", "make chat"),
        ("stop", "Ctrl-C"),
    )
    return "\n".join(
        [f"Tessera {version('tessera-server')} is ready", *(f"  {name:<14} {text}" for name, text in rows)]
    )
