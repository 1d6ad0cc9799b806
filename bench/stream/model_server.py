"""A model server as a separate process: OpenAI's API, paced or at full speed, one epoll loop on plain sockets.

    python -m bench.stream.model_server      prints its port, then serves until its standard input is closed

The user's message, which every server under test forwards, says what the stream does: `bench:RATE:TOKENS:TAG`,
`RATE` tokens a second (0: as fast as they are read), `TOKENS` of them. Times between tokens vary by half around their
mean, in the same way for every target. `GET /closed` returns the times at which streams with a tag were closed before
their end, as JSON `{TAG: CLOCK_MONOTONIC in ns}`, each stream once.
"""

from __future__ import annotations

import heapq
import json
import random
import re
import select
import socket
import sys
import time
from typing import Final

from bench.stream.payloads import (
    BETWEEN_BLOCKS,
    BURST,
    CLOSING,
    OPENING,
    ROUTED,
    TOKENS_PER_BLOCK,
    beginning,
    ending,
    token_chunk,
)

_ASKED: Final = re.compile(rb"bench:([\d.]+):(\d+):(\w+)")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# The first call of a Tessera request asks for the name of an agent.
_ROUTER_SCHEMA: Final = re.compile(rb'"name": ?"intent"')
_READ: Final = select.EPOLLIN | select.EPOLLRDHUP
_RECEIVE_BYTES: Final = 1 << 16
# At full speed no stream is far ahead of its reader.
_SEND_BUFFER_BYTES: Final = 1 << 16
_FIRST_NS: Final = 1e9


class Connection:
    """One connection and, while an answer is being written, its state."""

    __slots__ = ("answer", "interval_ns", "received", "sock", "tag", "total", "unsent", "written")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""
        self.unsent: bytes | memoryview = b""
        self.answer = 0  # increases with every answer, to recognise timers of earlier answers
        self.interval_ns = 0.0
        self.total = 0  # tokens of the answer; 0 when none is being written
        self.written = 0
        self.tag = ""


class ModelServer:
    """Serves one listening socket."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._epoll = select.epoll()
        self._epoll.register(listener, select.EPOLLIN)
        self._connections: dict[int, Connection] = {}
        self._due: list[tuple[int, int, int, Connection]] = []  # due time, tie-breaker, answer number, connection
        self._count = 0
        self._random = random.Random(2026)
        self._closed: dict[str, int] = {}

    def run(self, until_closed: int) -> None:
        """Serve until the file descriptor `until_closed` becomes readable or is closed."""
        self._epoll.register(until_closed, select.EPOLLIN | select.EPOLLHUP)
        while True:
            # epoll waits in whole milliseconds; select, on the epoll itself, in microseconds.
            wait = None if not self._due else max(0.0, (self._due[0][0] - time.monotonic_ns()) / 1e9)
            select.select([self._epoll], [], [], wait)
            for fd, events in self._epoll.poll(0):
                if fd == until_closed:
                    return
                if fd == self._listener.fileno():
                    self._accept()
                elif (connection := self._connections.get(fd)) is not None:
                    self._serve(connection, events)
            self._write_due()

    def _accept(self) -> None:
        try:
            while True:
                sock, _ = self._listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
                self._connections[sock.fileno()] = Connection(sock)
                self._epoll.register(sock, _READ)
        except BlockingIOError:
            return

    def _serve(self, connection: Connection, events: int) -> None:
        if events & (_READ | select.EPOLLHUP | select.EPOLLERR):
            try:
                data = connection.sock.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                data = None
            except OSError:
                data = b""
            if data == b"":
                self._close(connection)
                return
            if data:
                connection.received += data
                self._take_request(connection)
        if events & select.EPOLLOUT and connection.sock.fileno() >= 0:
            self._go_on(connection)

    def _close(self, connection: Connection) -> None:
        if connection.total and connection.tag != "0":
            self._closed[connection.tag] = time.monotonic_ns()
        connection.answer += 1
        connection.total = 0
        fd = connection.sock.fileno()
        if fd >= 0:
            self._connections.pop(fd, None)
            connection.sock.close()

    # ---- requests ---------------------------------------------------------------------------------------------------

    def _take_request(self, connection: Connection) -> None:
        head, found, body = connection.received.partition(b"\r\n\r\n")
        if not found:
            return
        if head.startswith(b"GET"):
            connection.received = b""
            told = json.dumps(self._closed).encode()
            self._closed.clear()
            self._send(connection, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told))
            return
        length = _LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        connection.received = b""
        # The last match: the prompt may contain earlier messages.
        asked = _ASKED.findall(body)
        if _ROUTER_SCHEMA.search(body) or not asked:
            self._send(connection, beginning(*ROUTED) + ending(len(ROUTED)))
            return
        rate, total, tag = asked[-1]
        connection.answer += 1
        connection.total, connection.written, connection.tag = int(total), 0, tag.decode()
        connection.interval_ns = 1e9 / float(rate) if float(rate) else 0.0
        self._send(connection, beginning(OPENING))
        if connection.interval_ns:
            # Streams that begin together must not stay in step. The first token of a slow stream comes within a second.
            first_ns = min(connection.interval_ns, _FIRST_NS)
            self._schedule(connection, time.monotonic_ns() + self._random.random() * first_ns)
        else:
            self._fill(connection)

    # ---- paced ------------------------------------------------------------------------------------------------------

    def _schedule(self, connection: Connection, due_ns: float) -> None:
        self._count += 1
        heapq.heappush(self._due, (int(due_ns), self._count, connection.answer, connection))

    def _write_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic_ns():
            due_ns, _, answer, connection = heapq.heappop(self._due)
            if answer != connection.answer or not connection.total:
                continue
            connection.written += 1
            data = token_chunk(connection.written, time.monotonic_ns())
            if connection.written % TOKENS_PER_BLOCK == 0:
                data += BETWEEN_BLOCKS
            if connection.written >= connection.total:
                self._send(connection, data + ending(connection.total, CLOSING))
                connection.total = 0
                continue
            if self._send(connection, data):
                self._schedule(connection, due_ns + self._random.uniform(0.5, 1.5) * connection.interval_ns)

    # ---- at full speed ----------------------------------------------------------------------------------------------

    def _fill(self, connection: Connection) -> None:
        """Write until the connection accepts no more, or the answer is complete."""
        while connection.total and not connection.unsent:
            if connection.written >= connection.total:
                self._send(connection, ending(connection.total, CLOSING))
                connection.total = 0
                return
            connection.written += TOKENS_PER_BLOCK
            if not self._send(connection, BURST):
                return

    def _go_on(self, connection: Connection) -> None:
        data, connection.unsent = connection.unsent, b""
        self._epoll.modify(connection.sock, _READ)
        if self._send(connection, data) and not connection.unsent and not connection.interval_ns:
            self._fill(connection)

    def _send(self, connection: Connection, data: bytes | memoryview) -> bool:
        """Send as much as possible now and the rest later. Returns False if the connection is closed."""
        if connection.unsent:
            connection.unsent = bytes(connection.unsent) + bytes(data)
            return True
        try:
            sent = connection.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return False
        if sent < len(data):
            connection.unsent = memoryview(data)[sent:]
            self._epoll.modify(connection.sock, _READ | select.EPOLLOUT)
        return True


def main() -> None:
    """See the module."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        listener.setblocking(False)
        print(listener.getsockname()[1], flush=True)
        ModelServer(listener).run(sys.stdin.fileno())


if __name__ == "__main__":
    main()
