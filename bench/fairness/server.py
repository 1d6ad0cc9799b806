"""The measured server in a child process, its accounts, and devices that are connected to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import trio

from client.terminal.connection import Connection, open_connection
from streaming.wire import PROTOCOL_VERSION, WsClientInfo, WsDeviceHello

PASSWORD: Final = "nine-plain-otters-dance"  # noqa: S105 - of accounts that the benchmark makes
_ADDRESSES: Final = count(2)


@dataclass(frozen=True, slots=True)
class Server:
    """Where the measured server listens."""

    rest_url: str
    ws_url: str

    async def post(self, path: str, email: str, device_token: str | None = None) -> dict[str, str]:
        """Register or log in, each time from another loopback address, so that no limit per address is measured.

        `device_token`: of a device that has logged in before.
        """
        body = {"email": email, "password": PASSWORD, "device_token": device_token}
        source = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{next(_ADDRESSES) % 250 + 2}")
        async with httpx.AsyncClient(base_url=self.rest_url, transport=source, timeout=30) as client:
            answer = await client.post(f"/api/v1/auth/{path}", json=body)
            answer.raise_for_status()
            found: dict[str, str] = answer.json()
            return found


@contextmanager
def running_server(settings: Mapping[str, str]) -> Iterator[Server]:
    """A server in a child process, with an embedded database that is removed at the end."""
    ports = [_free_port(), _free_port()]
    with tempfile.TemporaryDirectory(prefix="tessera-fairness-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")} | {
            "TESSERA_STATE_DIR": str(Path(folder) / "state"),
            "TESSERA_HTTP_BIND": f"127.0.0.1:{ports[0]}",
            "TESSERA_WS_BIND": f"127.0.0.1:{ports[1]}",
            "TESSERA_PLAYGROUND": "false",
            "TESSERA_LOG_LEVEL": "error",
            **settings,
        }
        command = [sys.executable, "-m", "server", "run"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed words
        try:
            yield Server(f"http://127.0.0.1:{ports[0]}", f"ws://127.0.0.1:{ports[1]}/api/v1/ws/device")
        finally:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def ready(server: Server, within_s: float = 120) -> None:
    """Wait until the server answers."""
    with trio.fail_after(within_s):
        async with httpx.AsyncClient(base_url=server.rest_url, trust_env=False) as client:
            while True:
                try:
                    if (await client.get("/readyz")).status_code == httpx.codes.OK:
                        return
                except httpx.TransportError:
                    pass
                await trio.sleep(0.2)


@asynccontextmanager
async def device(server: Server, token: str) -> AsyncIterator[Connection]:
    """A connected device of the account."""
    async with open_connection(server.ws_url) as connection:
        client = WsClientInfo(name="bench", version="1", platform="linux")
        versions = [PROTOCOL_VERSION]
        await connection.send(
            WsDeviceHello(token=token, device_id=uuid4(), protocol_versions=versions, client=client, resume=None)
        )
        await connection.receive()
        yield connection
