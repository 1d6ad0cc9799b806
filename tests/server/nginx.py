"""nginx in front of a server: one port with TLS for both listeners. Debian's package `nginx-light` installs it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from tests.server.haproxy import listening

PROGRAM: Final = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

needs_nginx = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed (apt-get install nginx-light)")

_UPGRADE: Final = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
_TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@asynccontextmanager
async def nginx(folder: Path, certificate: Path, rest: str, sockets: str, client: str) -> AsyncIterator[int]:
    """The port of a proxy that ends TLS, and sends device sockets to `sockets` and all else to `rest` (`HOST:PORT`).

    `certificate` has the chain and the key. `client`: the directive that names the client.
    """
    assert PROGRAM is not None
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in _TEMPORARY)
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; {user} pid {folder}/nginx.pid; error_log stderr warn;\n"
        "events {}\n"
        f"http {{ access_log off; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {certificate};\n"
        f"{client} proxy_set_header Host $host; proxy_read_timeout 60s;\n"
        # A location that sets a header inherits none.
        f"location = /api/v1/ws/device {{ {client} {_UPGRADE} proxy_pass http://{sockets}; }}\n"
        f"location / {{ proxy_buffering off; proxy_pass http://{rest}; }}\n"
        "} }\n"
    )
    async with trio.open_nursery() as nursery:
        run: Any = trio.run_process
        await nursery.start(run, [PROGRAM, "-p", str(folder), "-c", str(config)])
        await listening(port)
        yield port
        nursery.cancel_scope.cancel()
