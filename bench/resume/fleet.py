"""Devices that connect, lose their sockets and resume, on one epoll loop with plain sockets.

Everything runs in the caller's thread, during the methods that wait; between such calls nothing is read.
"""

from __future__ import annotations

import errno
import heapq
import json
import random
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from bench.stream.wire import CLOSE, PING, PONG, TEXT, frame, take_frames, upgrade

PATH: Final = "/api/v1/ws/device"
_RECEIVE_BYTES: Final = 1 << 18
# A reset instead of a close: it leaves no socket in TIME_WAIT, whose ports would run out.
_RESET: Final = struct.pack("ii", 1, 0)
# The delays of the TypeScript SDK: client/sdk/src/backoff.ts.
_FIRST_DELAY_S: Final = 0.5
_MOST_DELAY_S: Final = 30.0


@dataclass(slots=True)
class Device:
    """One installation. `seq` is the last frame that it has processed. Times are of `time.monotonic_ns`, 0 if not yet.

    `began_ns` to `ended_ns` are the times of its latest connection: its start, `device_ready`, the first frame of an
    answer, and the last `stream_end`. `heard_bytes` is the content of all frames after `device_ready`.
    """

    token: str
    device_id: str = field(default_factory=lambda: str(uuid4()))
    session_id: str = ""
    seq: int = 0
    resume: str = ""
    question: str = ""
    text: str = ""
    status: str = ""
    began_ns: int = 0
    ready_ns: int = 0
    first_ns: int = 0
    ended_ns: int = 0
    heard_bytes: int = 0
    attempts: int = 0


class _Socket:
    __slots__ = ("data", "device", "sock", "upgraded", "written")

    def __init__(self, device: Device, sock: socket.socket) -> None:
        self.device = device
        self.sock = sock
        self.data = b""
        self.written = False
        self.upgraded = False


class Fleet:
    """The sockets of devices to one server.

    A device whose socket is refused or lost connects again after the delay of the SDK, and resumes its session.
    `refused` counts answers with 503, `lost` the other ends of sockets by their reason.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._epoll = select.epoll()
        self._by_fd: dict[int, _Socket] = {}
        self._of: dict[str, _Socket] = {}
        self._later: list[tuple[float, int, Device, bool]] = []
        self._random = random.Random(2026)
        self._count = 0
        self.refused = 0
        self.lost: Counter[str] = Counter()

    # ---- sockets ----------------------------------------------------------------------------------------------------

    def connect(self, devices: Iterable[Device], *, resume: bool = True) -> None:
        """Begin to connect each device. With `resume` it asks to go on with its session, if it has one."""
        for device in devices:
            device.began_ns = time.monotonic_ns()
            device.resume, device.attempts = "", 0
            self._connect(device, resume)

    def _connect(self, device: Device, resume: bool) -> None:
        device.ready_ns = device.first_ns = device.ended_ns = device.heard_bytes = 0
        if not resume:
            device.session_id, device.seq = "", 0
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self._by_fd[sock.fileno()] = self._of[device.device_id] = _Socket(device, sock)
        self._epoll.register(sock, select.EPOLLOUT)
        if (fault := sock.connect_ex(self._address)) not in {0, errno.EINPROGRESS}:
            self._lose(connection, errno.errorcode.get(fault, str(fault)))

    def cut(self, devices: Iterable[Device]) -> None:
        """Reset the sockets of these devices. None of them connects again automatically."""
        chosen = {device.device_id for device in devices}
        self._later = [waiting for waiting in self._later if waiting[2].device_id not in chosen]
        heapq.heapify(self._later)
        for device_id in chosen & self._of.keys():
            self._end(self._of[device_id])

    def close(self) -> None:
        """Reset every socket."""
        for connection in list(self._of.values()):
            self._end(connection)
        self._epoll.close()

    def _end(self, connection: _Socket) -> None:
        del self._by_fd[connection.sock.fileno()], self._of[connection.device.device_id]
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        connection.sock.close()

    def ask(self, device: Device, *, rate: float, tokens: int) -> None:
        """Ask for an answer of `tokens` at `rate` a second."""
        message = f"Explain how compound interest works. bench:{rate:g}:{tokens}:0"
        device.text = device.status = ""
        device.question = json.dumps({"type": "home_request", "request_id": str(uuid4()), "message": message})
        connection = self._of.get(device.device_id)
        if connection is not None and device.ready_ns:  # else it asks when it is connected
            self._send(connection, frame(device.question.encode()))

    # ---- waiting ----------------------------------------------------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Read for `seconds`."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            self._poll(ends_at - time.monotonic())

    def wait(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Read until `condition` holds. Raises RuntimeError after `seconds`."""
        if not self.run_until(condition, seconds):
            counts = f"{len(self._of)} sockets, {self.refused} refused, {dict(self.lost)}"
            raise RuntimeError(f"waited {seconds:g} s in vain: {counts}")

    def run_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Read until `condition` holds, for at most `seconds`. Returns whether it holds."""
        ends_at = time.monotonic() + seconds
        while not (holds := condition()) and time.monotonic() <= ends_at:
            self._poll(0.05)
        return holds

    def _poll(self, seconds: float) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            _, _, device, resume = heapq.heappop(self._later)
            self._connect(device, resume)
        if self._later:
            seconds = min(seconds, self._later[0][0] - now)
        for fd, events in self._epoll.poll(max(seconds, 0)):
            connection = self._by_fd.get(fd)
            if connection is None:
                continue
            if not connection.written:
                self._opened(connection)
            elif events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._receive(connection)

    def _opened(self, connection: _Socket) -> None:
        fault = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if fault:
            self._lose(connection, errno.errorcode.get(fault, str(fault)))
            return
        connection.written = True
        self._epoll.modify(connection.sock, select.EPOLLIN)
        self._send(connection, upgrade(f"{self._address[0]}:{self._address[1]}", PATH))

    def _send(self, connection: _Socket, data: bytes) -> None:
        # Short frames on an empty socket: the kernel takes them whole.
        try:
            connection.sock.sendall(data)
        except OSError as error:
            self._lose(connection, type(error).__name__)

    def _receive(self, connection: _Socket) -> None:
        try:
            data = connection.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(connection, type(error).__name__)
            return
        if not data:
            self._lose(connection, "closed")
            return
        now_ns = time.monotonic_ns()
        data = connection.data + data
        if not connection.upgraded:
            head, found, rest = data.partition(b"\r\n\r\n")
            if not found:
                connection.data = data
                return
            if head.startswith(b"HTTP/1.1 503"):
                self.refused += 1
                self._come_back(connection)
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"no upgrade: {head[:80]!r}")
            connection.upgraded, data = True, rest
            self._send(connection, frame(json.dumps(self._hello(connection.device)).encode()))
        frames, connection.data = take_frames(data)
        for opcode, payload in frames:
            if connection.device.ready_ns:
                connection.device.heard_bytes += len(payload)
            if opcode == TEXT:
                self._hear(connection, json.loads(payload), now_ns)
            elif opcode == PING:
                self._send(connection, frame(payload, PONG))
            elif opcode == CLOSE:
                self._lose(connection, payload[2:].decode(errors="replace") or "closed")
                return

    def _lose(self, connection: _Socket, reason: str) -> None:
        if connection.sock.fileno() in self._by_fd:
            self.lost[reason] += 1
            self._come_back(connection)

    def _come_back(self, connection: _Socket) -> None:
        device = connection.device
        device.ready_ns = 0
        self._end(connection)
        self._count += 1
        delay_s = min(_FIRST_DELAY_S * 2**device.attempts, _MOST_DELAY_S) * (0.5 + self._random.random() / 2)
        device.attempts += 1
        heapq.heappush(self._later, (time.monotonic() + delay_s, self._count, device, bool(device.session_id)))

    def _hello(self, device: Device) -> dict[str, Any]:
        hello = {
            "type": "device_hello",
            "token": device.token,
            "device_id": device.device_id,
            "client": {"name": "bench", "version": "1", "platform": "linux"},
            "protocol_versions": [3],
            "features": ["block_open", "ledger", "changes"],
            "changes_after": 0,
        }
        if device.session_id:
            hello["resume"] = {"session_id": device.session_id, "seq": device.seq}
        return hello

    def _hear(self, connection: _Socket, heard: dict[str, Any], now_ns: int) -> None:
        device, kind = connection.device, heard["type"]
        device.seq = heard["seq"]
        if kind == "device_ready":
            device.session_id, device.resume, device.ready_ns = heard["session_id"], heard["resume"], now_ns
            if device.question and not device.text and not device.status:
                # The socket was lost before the answer began. The request has an id, so it does not run twice.
                self._send(connection, frame(device.question.encode()))
        elif kind == "stream_text":
            device.first_ns = device.first_ns or now_ns
            device.text = heard["chunk"] if heard.get("replace") else device.text + heard["chunk"]
        elif kind == "stream_end":
            device.first_ns = device.first_ns or now_ns
            device.ended_ns, device.status = now_ns, heard["status"]
        elif kind == "error":
            raise RuntimeError(f"Tessera refused: {heard['code']}: {heard['message']}")
