"""The load: sockets that request streams and read them, on one epoll loop, and count tokens, bytes and ages.

Everything runs in the caller's thread, during the methods that wait; between such calls nothing is read.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from uuid import uuid4

from bench.stream.dialects import SocketDialect
from bench.stream.payloads import STAMP_CHARS, age_us
from bench.stream.wire import CLOSE, PING, PONG, TEXT, frame, take_frames, upgrade

_RECEIVE_BYTES: Final = 1 << 18
_PATIENCE_S: Final = 60.0
_CANCEL_PATIENCE_S: Final = 1.5


class Device:
    """One socket."""

    __slots__ = ("data", "ready", "sock", "upgraded")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.data = b""
        self.upgraded = False
        self.ready = False


class Answer:
    """One request: its tokens so far, its outcome (empty while it runs), and the times of its cancel and its end."""

    __slots__ = ("cancelled_ns", "device", "ended_ns", "status", "tokens")

    def __init__(self, device: Device) -> None:
        self.device = device
        self.tokens = 0
        self.status = ""
        self.cancelled_ns = 0
        self.ended_ns = 0


class Load:
    """All devices of one target. Counters increase until `reset`."""

    def __init__(self, host: str, port: int, dialect: SocketDialect) -> None:
        self._address = (host, port)
        self._dialect = dialect
        self._epoll = select.epoll()
        self._by_fd: dict[int, Device] = {}
        self.devices: list[Device] = []
        self.answers: dict[str, Answer] = {}
        self.running = 0
        self.measures_age = False
        self.reset()

    def reset(self) -> None:
        """Set all counters to zero."""
        self.tokens = 0
        self.bytes = 0
        self.frames = 0
        self.ages_us: list[int] = []

    # ---- sockets ----------------------------------------------------------------------------------------------------

    def open(self, count: int, *, at_once: int = 64) -> float:
        """Open `count` more devices, up to `at_once` in parallel, until all are ready. Returns the seconds it took."""
        began = time.monotonic()
        started = ready = 0
        opening: list[Device] = []
        while ready < count:
            while started < count and started - ready < at_once:
                opening.append(self._connect())
                started += 1
            self._poll(0.5)
            still = [device for device in opening if not device.ready]
            ready += len(opening) - len(still)
            opening = still
            if time.monotonic() - began > _PATIENCE_S + count / 50:
                raise RuntimeError(f"{count - ready} of {count} sockets did not open")
        return time.monotonic() - began

    def _connect(self) -> Device:
        sock = socket.create_connection(self._address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        device = Device(sock)
        self._by_fd[sock.fileno()] = device
        self.devices.append(device)
        sock.sendall(upgrade(f"{self._address[0]}:{self._address[1]}", self._dialect.path))
        sock.setblocking(False)
        self._epoll.register(sock, select.EPOLLIN)
        return device

    def close(self) -> None:
        """Close every socket with a close frame."""
        for device in self.devices:
            with suppress(OSError):
                device.sock.send(frame(b"\x03\xe8", CLOSE))
            device.sock.close()
        self.devices.clear()
        self._by_fd.clear()
        self.answers.clear()
        self.running = 0

    # ---- requests ---------------------------------------------------------------------------------------------------

    def ask(self, device: Device, *, rate: float, tokens: int, tag: str = "0") -> Answer:
        """Ask for `tokens` at `rate` a second (0: full speed). With a `tag` the model server records an early close."""
        request_id = str(uuid4())
        answer = self.answers[request_id] = Answer(device)
        self.running += 1
        # The local classifier is certain of this question, and it needs no item: so there is one model call, as in the
        # peers. An unclear one costs a call of the router, and one about items costs another if no tool is called.
        message = f"Explain how compound interest works. bench:{rate:g}:{tokens}:{tag}"
        device.sock.sendall(frame(self._dialect.ask(request_id, message).encode()))
        return answer

    def cancel_all(self) -> int:
        """Cancel all running requests and read until they end. Returns how many still run after the time limit."""
        for request_id, answer in self.answers.items():
            if not answer.status:
                self.cancel(request_id, answer)
        self.run_until(lambda: self.running == 0, _CANCEL_PATIENCE_S)
        return self.running

    def cancel(self, request_id: str, answer: Answer) -> None:
        answer.cancelled_ns = time.monotonic_ns()
        answer.device.sock.sendall(frame(self._dialect.cancel(request_id).encode()))

    # ---- waiting ----------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> float:
        """Read for `seconds`. Returns the actual duration."""
        began = time.monotonic()
        while (left := began + seconds - time.monotonic()) > 0:
            self._poll(left)
        return time.monotonic() - began

    def wait(self, condition: Callable[[], bool]) -> None:
        """Read until `condition` holds. Raises RuntimeError after a minute."""
        if not self.run_until(condition, _PATIENCE_S):
            states = [f"{answer.tokens} tokens {answer.status}" for answer in self.answers.values()]
            raise RuntimeError(f"waited {_PATIENCE_S:g} s in vain: {self.running} running; {states[:10]}")

    def run_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Read until `condition` holds, for at most `seconds`. Returns whether it holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self._poll(0.1)
        return True

    def _poll(self, seconds: float) -> None:
        for fd, _ in self._epoll.poll(max(seconds, 0)):
            device = self._by_fd[fd]
            try:
                data = device.sock.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                continue
            if not data:
                raise RuntimeError("the server closed a socket")
            self._receive(device, data, time.monotonic_ns())

    def _receive(self, device: Device, data: bytes, now_ns: int) -> None:
        self.bytes += len(data)
        if device.data:
            data = device.data + data
        if not device.upgraded:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                device.data = data
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"no upgrade: {head[:80]!r}")
            device.upgraded, data = True, rest
            hello = self._dialect.hello()
            if hello is None:
                device.ready = True
            else:
                device.sock.sendall(frame(hello.encode()))
        frames, device.data = take_frames(data)
        for opcode, payload in frames:
            if opcode == TEXT:
                self._hear(device, payload, now_ns)
            elif opcode == PING:
                device.sock.sendall(frame(payload, PONG))
            elif opcode == CLOSE:
                raise RuntimeError(f"the server closed a socket: {payload!r}")

    def _hear(self, device: Device, payload: bytes, now_ns: int) -> None:
        heard = self._dialect.read(payload)
        self.frames += 1
        if heard.kind == "text":
            count = heard.text.count(" ")
            answer = self.answers[heard.request_id]
            answer.tokens += count
            self.tokens += count
            if self.measures_age:
                for piece in heard.text.split(" ")[1:]:
                    self.ages_us.append(age_us(piece[:STAMP_CHARS], now_ns))
        elif heard.kind == "end":
            answer = self.answers[heard.request_id]
            answer.status = heard.status
            answer.ended_ns = now_ns
            self.running -= 1
        elif heard.kind == "ready":
            device.ready = True
