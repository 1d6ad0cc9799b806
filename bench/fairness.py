"""What a quiet user notices of one abusive account: pings over their socket, and logins, during each attack.

The quiet user logs in at a device that has logged in before.

A server with its own database and the demo model runs in a child process, and each attack in another one, so that the
attacker's own work delays nothing that is measured. A ping's answer has the latency that the event loop adds to
everything. The limit is three times the quiet time, but at least `_NOISE_S`.
"""

from __future__ import annotations

import argparse
import math
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx
import trio

from client.terminal.connection import ConnectError, Connection, ConnectionLostError, open_connection
from streaming.wire import (
    PROTOCOL_VERSION,
    WsClientInfo,
    WsClientMutation,
    WsDeviceHello,
    WsHomeRequest,
    WsMemoryForget,
    WsPing,
    WsPong,
)

LIMIT: Final = 3.0
_NOISE_S: Final = 0.05
_PASSWORD: Final = "nine-plain-otters-dance"  # noqa: S105 - of accounts that the benchmark makes
_TOKEN_VARIABLE: Final = "FAIRNESS_TOKEN"  # noqa: S105 - the name of a variable
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
        body = {"email": email, "password": _PASSWORD, "device_token": device_token}
        source = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{next(_ADDRESSES) % 250 + 2}")
        async with httpx.AsyncClient(base_url=self.rest_url, transport=source, timeout=30) as client:
            answer = await client.post(f"/api/v1/auth/{path}", json=body)
            answer.raise_for_status()
            found: dict[str, str] = answer.json()
            return found


@dataclass(frozen=True, slots=True)
class Noticed:
    """What the quiet user measured in one phase, in seconds."""

    ping_p99_s: float
    login_s: float


Attack = Callable[[Server, str], Awaitable[None]]


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


# ---- the attacks ---------------------------------------------------------------------------------------------------


async def _read(connection: Connection) -> None:
    while True:
        await connection.receive()


async def _flood(server: Server, token: str, sends: Callable[[Connection], Awaitable[None]], every_s: float) -> None:
    while True:
        try:
            async with device(server, token) as connection, trio.open_nursery() as nursery:
                nursery.start_soon(_read, connection)
                while True:
                    await sends(connection)
                    await trio.sleep(every_s)
        except* (ConnectionLostError, ConnectError, trio.BrokenResourceError):
            await trio.sleep(0.1)  # the server closed the socket; the attack goes on


async def forgets(server: Server, token: str) -> None:
    """Two sockets with 48 `memory_forget` a second each."""

    async def send(connection: Connection) -> None:
        await connection.send(WsMemoryForget(memory_id=uuid4()))

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(_flood, server, token, send, 1 / 48)


async def large_mutations(server: Server, token: str) -> None:
    """A mutation of nearly 1 MiB, 1.5 times a second, while a second device does not read."""

    async def send(connection: Connection) -> None:
        data = {"title": "x" * 1_000_000}
        await connection.send(WsClientMutation(op="update", entity="task", id="t1", data=data, mutation_id=uuid4()))

    async with device(server, token):
        await _flood(server, token, send, 1 / 1.5)


async def requests(server: Server, token: str) -> None:
    """Six sockets that ask without end."""

    async def send(connection: Connection) -> None:
        await connection.send(WsHomeRequest(request_id=uuid4(), message="Write a long plan for my week"))

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(_flood, server, token, send, 0.1)


async def sockets(server: Server, token: str) -> None:
    """Sixty devices that connect again whenever they are closed."""

    async def send(connection: Connection) -> None:
        await connection.send(WsPing())

    async with trio.open_nursery() as nursery:
        for _ in range(60):
            nursery.start_soon(_flood, server, token, send, 1.0)


async def rest_calls(server: Server, token: str) -> None:
    """Ten clients that list conversations without end."""

    async def ask() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=server.rest_url, trust_env=False, headers=headers) as client:
            while True:
                try:
                    await client.get("/api/v1/conversations")
                except httpx.TransportError:
                    await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask)


async def item_updates(server: Server, token: str) -> None:
    """Two sockets with 48 small changes a second each of one item of a megabyte."""
    numbers = count()

    async def send(connection: Connection) -> None:
        data: dict[str, object] = {"number": next(numbers)}
        await connection.send(WsClientMutation(op="update", entity="task", id="t2", data=data, mutation_id=uuid4()))

    async with device(server, token) as connection:
        data = {"title": "x" * 1_000_000}
        await connection.send(WsClientMutation(op="create", entity="task", id="t2", data=data, mutation_id=uuid4()))
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(_flood, server, token, send, 1 / 48)


async def logins(server: Server, token: str) -> None:
    """Sixty network addresses that each guess a password without end. Needs no account."""
    del token

    async def guess(number: int) -> None:
        source = httpx.AsyncHTTPTransport(local_address=f"127.0.2.{number + 2}")
        async with httpx.AsyncClient(base_url=server.rest_url, transport=source, timeout=60) as client:
            while True:
                try:
                    body = {"email": f"{uuid4().hex}@example.com", "password": _PASSWORD}
                    await client.post("/api/v1/auth/login", json=body)
                except httpx.TransportError:
                    await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(guess, number)


ATTACKS: Final[Mapping[str, Attack]] = {
    "forgets": forgets,
    "large_mutations": large_mutations,
    "item_updates": item_updates,
    "requests": requests,
    "sockets": sockets,
    "rest_calls": rest_calls,
    "logins": logins,
}


@asynccontextmanager
async def attacked(server: Server, name: str, token: str) -> AsyncIterator[None]:
    """The attack runs in a child process for the length of the block."""
    command = [sys.executable, "-m", "bench.fairness", "--attack", name, server.rest_url, server.ws_url]
    async with trio.open_nursery() as nursery:
        environment = {**os.environ, _TOKEN_VARIABLE: token}
        await nursery.start(partial(trio.run_process, command, env=environment, stdin=subprocess.DEVNULL))
        yield
        nursery.cancel_scope.cancel()


# ---- the quiet user ------------------------------------------------------------------------------------------------


async def measured(server: Server, seconds: float, logins: int) -> Noticed:
    """Pings and logins of a new user for `seconds`."""
    email = f"quiet.{uuid4().hex}@example.com"
    account = await server.post("register", email)
    pings: list[float] = []
    times: list[float] = []

    async def log_in() -> None:
        for _ in range(logins):
            started = trio.current_time()
            await server.post("login", email, account["device_token"])
            times.append(trio.current_time() - started)
            await trio.sleep(seconds / logins / 2)

    async with trio.open_nursery() as nursery, device(server, account["access_token"]) as connection:
        nursery.start_soon(log_in)
        ends_at = trio.current_time() + seconds
        while trio.current_time() < ends_at:
            started = trio.current_time()
            await connection.send(WsPing())
            while not isinstance(await connection.receive(), WsPong):
                pass
            pings.append(trio.current_time() - started)
            await trio.sleep(0.02)
    return Noticed(sorted(pings)[math.ceil(len(pings) * 0.99) - 1], max(times))


async def compare(server: Server, names: list[str], seconds: float, logins: int) -> dict[str, Noticed]:
    """The quiet user alone (`nobody`), then during each of the attacks."""
    await ready(server)
    await measured(server, min(seconds, 2.0), 1)  # the first requests load and compile
    found = {"nobody": await measured(server, seconds, logins)}
    for name in names:
        token = (await server.post("register", f"abusive.{uuid4().hex}@example.com"))["access_token"]
        async with attacked(server, name, token):
            await trio.sleep(min(seconds, 4.0))  # it starts an interpreter
            found[name] = await measured(server, seconds, logins)
        await trio.sleep(min(seconds, 1.0))
    return found


def unfair(found: Mapping[str, Noticed]) -> list[str]:
    """The attacks during which the quiet user waited too long."""
    quiet = found["nobody"]
    ping_s, login_s = (max(LIMIT * value, _NOISE_S) for value in (quiet.ping_p99_s, quiet.login_s))
    return [name for name, one in found.items() if one.ping_p99_s > ping_s or one.login_s > login_s]


def main() -> int:
    """Print the table. Returns 1 if an attack makes the quiet user wait too long."""
    options = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__)
    options.add_argument("--seconds", type=float, default=10, help="seconds per phase")
    options.add_argument("--logins", type=int, default=5, help="logins per phase")
    options.add_argument("--workers", type=int, default=1, help="worker processes of the server")
    options.add_argument("--attack", nargs=3, metavar=("NAME", "REST", "WS"), help="attack a server until killed")
    options.add_argument("attacks", nargs="*", choices=[[], *ATTACKS], help="all, unless some are named")
    asked = options.parse_args()
    if asked.attack:
        name, rest_url, ws_url = asked.attack
        trio.run(ATTACKS[name], Server(rest_url, ws_url), os.environ[_TOKEN_VARIABLE])
        return 0
    with running_server({"TESSERA_WORKERS": str(asked.workers)}) as server:
        run = partial(compare, server, asked.attacks or list(ATTACKS), asked.seconds, asked.logins)
        found: dict[str, Noticed] = trio.run(run)
    quiet = found["nobody"]
    print(f"{'beside':<16} {'ping p99':>10} {'ratio':>6} {'login max':>10} {'ratio':>6}")
    for name, one in found.items():
        pings, logins = one.ping_p99_s / quiet.ping_p99_s, one.login_s / quiet.login_s
        print(f"{name:<16} {one.ping_p99_s * 1e3:>7.1f} ms {pings:>6.1f} {one.login_s:>8.2f} s {logins:>6.1f}")
    if late := unfair(found):
        print(f"over {LIMIT:g} times: {', '.join(late)}")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
