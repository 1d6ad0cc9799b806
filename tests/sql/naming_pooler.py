"""A stand-in for PgBouncer 1.21 or later, which no package source of the tests has.

It does what the server can see of such a pooler: its own process numbers, and its own names for prepared
statements. Each client keeps one connection to the database.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import trio
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_CANCEL: Final = 80877102
_OTHER_PID: Final = 1_000_000
_PREFIX: Final = b"PGBOUNCER_"


class Messages:
    """Splits a stream into messages of the protocol: the type (b"" for the first one of a client), and the body."""

    def __init__(self, stream: trio.abc.ReceiveStream) -> None:
        self._stream = stream
        self._bytes = b""

    async def next(self, *, typed: bool = True) -> tuple[bytes, bytes] | None:
        head = 5 if typed else 4
        while len(self._bytes) < head or len(self._bytes) < head - 4 + self._length(head):
            received = await self._stream.receive_some(65536)
            if not received:
                return None
            self._bytes += received
        end = head - 4 + self._length(head)
        message = self._bytes[: head - 4], self._bytes[head:end]
        self._bytes = self._bytes[end:]
        return message

    def _length(self, head: int) -> int:
        length: int = struct.unpack_from("!I", self._bytes, head - 4)[0]
        return length


def joined(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def renamed(kind: bytes, body: bytes) -> bytes:
    """A message of a client, in which a named statement has the pooler's name."""
    if kind == b"P":
        before, name, after = b"", *body.split(b"\0", 1)
    elif kind == b"B":
        portal, name, after = body.split(b"\0", 2)
        before = portal + b"\0"
    elif kind in {b"D", b"C"} and body[:1] == b"S":
        before, name, after = b"S", *body[1:].split(b"\0", 1)
    else:
        return body
    return before + (_PREFIX + name if name else name) + b"\0" + after


@asynccontextmanager
async def naming_pooler(conninfo: str) -> AsyncIterator[tuple[str, set[bytes]]]:
    """Run the stand-in. Gives a conninfo that leads through it, and the names of statements that clients prepare."""
    target = conninfo_to_dict(conninfo)
    socket = str(Path(str(target["host"])) / f".s.PGSQL.{target.get('port', 5432)}")
    names: set[bytes] = set()

    async def serve(client: trio.SocketStream) -> None:
        async with client, await trio.open_unix_socket(socket) as server, trio.open_nursery() as nursery:
            from_client = Messages(client)
            first = await from_client.next(typed=False)
            if first is None:
                return
            body = first[1]
            if struct.unpack_from("!I", body)[0] == _CANCEL:
                pid = struct.unpack_from("!I", body, 4)[0]
                body = body[:4] + struct.pack("!I", pid - _OTHER_PID) + body[8:]
            await server.send_all(joined(b"", body))

            def of_client(kind: bytes, body: bytes) -> bytes:
                if kind == b"P" and (name := body.split(b"\0", 1)[0]):
                    names.add(name)
                return renamed(kind, body)

            def of_server(kind: bytes, body: bytes) -> bytes:
                if kind == b"K":
                    return struct.pack("!I", struct.unpack_from("!I", body)[0] + _OTHER_PID) + body[4:]
                return body

            async def pump(
                source: Messages, target: trio.SocketStream, change: Callable[[bytes, bytes], bytes]
            ) -> None:
                try:
                    while (message := await source.next()) is not None:
                        await target.send_all(joined(message[0], change(*message)))
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    pass
                nursery.cancel_scope.cancel()

            nursery.start_soon(pump, from_client, server, of_client)
            nursery.start_soon(pump, Messages(server), client, of_server)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        through = make_conninfo(conninfo, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")
        yield through, names
        nursery.cancel_scope.cancel()
