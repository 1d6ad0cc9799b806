"""The attacks of one abusive account, and the child process that makes them while it is told to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Final
from uuid import uuid4

import httpx
import trio

from bench.fairness.server import PASSWORD, Server, device
from client.terminal.connection import ConnectError, Connection, ConnectionLostError
from streaming.wire import WsClientMutation, WsHomeRequest, WsMemoryForget, WsPing

_READY: Final = b"r"
Attack = Callable[[Server, str], Awaitable[None]]


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
                    body = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
                    await client.post("/api/v1/auth/login", json=body)
                except httpx.TransportError:
                    await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        for number in range(60):
            nursery.start_soon(guess, number)


async def refused_logins(server: Server, token: str) -> None:
    """Ten clients of one network address that are over its limit of logins, and ask without end. Needs no account."""
    del token

    async def ask() -> None:
        source = httpx.AsyncHTTPTransport(local_address="127.0.3.2")
        async with httpx.AsyncClient(base_url=server.rest_url, transport=source, timeout=60) as client:
            while True:
                try:
                    await client.post("/api/v1/auth/login", json={})
                except httpx.TransportError:
                    await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask)


ATTACKS: Final[Mapping[str, Attack]] = {
    "forgets": forgets,
    "large_mutations": large_mutations,
    "item_updates": item_updates,
    "requests": requests,
    "sockets": sockets,
    "rest_calls": rest_calls,
    "logins": logins,
    "refused_logins": refused_logins,
}


class Attacker:
    """A child process that attacks for the length of `attacking`."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process

    @asynccontextmanager
    async def attacking(self, name: str, token: str) -> AsyncIterator[None]:
        """Make the attack `name` with the access token of an account, for the length of the block."""
        await self._tell(f"{name} {token}")
        try:
            yield
        finally:
            with trio.CancelScope(shield=True):
                await self._tell("")

    async def ready(self) -> None:
        """Wait until the process has loaded its modules. Raises `OSError` if it has ended."""
        if self._process.stdout is None or await self._process.stdout.receive_some(1) != _READY:
            raise OSError("the process of the attacks ended before it was ready")

    async def _tell(self, order: str) -> None:
        if self._process.stdin is None:
            raise OSError("the process of the attacks has no standard input")
        await self._process.stdin.send_all(f"{order}\n".encode())


@asynccontextmanager
async def attacker(server: Server) -> AsyncIterator[Attacker]:
    """The child process of the attacks. It is killed at the end."""
    command = [sys.executable, "-m", "bench.fairness", "--attack", server.rest_url, server.ws_url]
    pipe = subprocess.PIPE
    process = await trio.lowlevel.open_process(command, stdin=pipe, stdout=pipe)
    found = Attacker(process)
    try:
        await found.ready()
        yield found
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def attack_when_told(server: Server) -> None:
    """Follow the orders on standard input, until it ends: `name token` starts an attack, an empty line stops it."""
    async with trio.open_nursery() as nursery, trio.lowlevel.FdStream(os.dup(0)) as orders:
        await trio.to_thread.run_sync(os.write, 1, _READY)
        running, waiting = trio.CancelScope(), b""

        async def attack(name: str, token: str, scope: trio.CancelScope) -> None:
            with scope:
                await ATTACKS[name](server, token)

        async for data in orders:
            *lines, waiting = (waiting + data).split(b"\n")
            for line in lines:
                running.cancel()
                if line:
                    running = trio.CancelScope()
                    nursery.start_soon(attack, *line.decode().split(), running)
        running.cancel()
