"""HAProxy in front of a server: one port with TLS for both listeners. Debian's package `haproxy` installs it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest
import trio

PROGRAM: Final = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")

needs_haproxy = pytest.mark.skipif(PROGRAM is None, reason="HAProxy is not installed (apt-get install haproxy)")

_WITHIN_S: Final = 20.0


@asynccontextmanager
async def haproxy(folder: Path, certificate: Path, rest: str, sockets: str, backend: str) -> AsyncIterator[int]:
    """The port of a proxy that ends TLS, and sends device sockets to `sockets` and all else to `rest` (`HOST:PORT`).

    `certificate` has the chain and the key. `backend`: the lines of both backends that name the client.
    """
    assert PROGRAM is not None
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    config = folder / "haproxy.cfg"
    config.write_text(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"frontend public\n  bind 127.0.0.1:{port} ssl crt {certificate}\n"
        "  use_backend sockets if { path /api/v1/ws/device }\n  default_backend rest\n"
        f"backend sockets\n{_options(backend)}  server one {sockets}{_server(backend)}\n"
        f"backend rest\n{_options(backend)}  server one {rest}{_server(backend)}\n"
    )
    async with trio.open_nursery() as nursery:
        run: Any = trio.run_process
        await nursery.start(run, [PROGRAM, "-db", "-f", str(config)])
        await listening(port)
        yield port
        nursery.cancel_scope.cancel()


def _options(backend: str) -> str:
    return "" if backend == "send-proxy-v2" else f"  {backend}\n"


def _server(backend: str) -> str:
    return " send-proxy-v2" if backend == "send-proxy-v2" else ""


async def listening(port: int) -> None:
    """Wait until the port accepts connections."""
    with trio.fail_after(_WITHIN_S):
        while True:
            try:
                await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
            except OSError:
                await trio.sleep(0.02)
            else:
                return
