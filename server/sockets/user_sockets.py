"""The open sockets of each user of this process: how many devices have one, and how many bytes they may send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from server.net import TokenBucket
from server.sockets.handshake import HandshakeFailed
from streaming.wire import CloseCode

DEFAULT_SOCKETS: Final = 10
DEFAULT_BYTES_PER_S: Final = 262_144
DEFAULT_BYTES_BURST: Final = 4_194_304


@dataclass(slots=True)
class _User:
    bytes_in: TokenBucket
    devices: Counter[UUID] = field(default_factory=Counter)


class UserSockets:
    """At most `devices` devices of one user with open sockets; they send `bytes_per_s`, in bursts of `bytes_burst`."""

    def __init__(
        self,
        devices: int = DEFAULT_SOCKETS,
        bytes_per_s: float = DEFAULT_BYTES_PER_S,
        bytes_burst: int = DEFAULT_BYTES_BURST,
    ) -> None:
        self._devices = devices
        self._bytes_per_s = bytes_per_s
        self._bytes_burst = bytes_burst
        self._users: dict[UUID, _User] = {}

    def __len__(self) -> int:
        return len(self._users)

    @contextmanager
    def open(self, user_id: UUID, device_id: UUID) -> Iterator[None]:
        """Count one socket for the length of the block.

        Raises `HandshakeFailed` if too many other devices of the user have sockets. A device that connects again takes
        the place of its older socket.
        """
        self.check(self.connected(user_id), device_id)
        user = self._users.get(user_id)
        if user is None:
            user = self._users[user_id] = _User(TokenBucket(self._bytes_per_s, self._bytes_burst))
        user.devices[device_id] += 1
        try:
            yield
        finally:
            user.devices[device_id] -= 1
            if not user.devices[device_id]:
                del user.devices[device_id]
            if not user.devices:
                del self._users[user_id]

    def check(self, connected: Collection[UUID], device_id: UUID) -> None:
        """Raise `HandshakeFailed` if the devices `connected` leave no place for this one."""
        others = {other for other in connected if other != device_id}
        if len(others) >= self._devices:
            reason = f"{len(others)} devices of this account are connected; the limit is {self._devices}"
            raise HandshakeFailed(CloseCode.TOO_MANY_SOCKETS, reason)

    def bytes_in(self, user_id: UUID) -> TokenBucket | None:
        """What the user may send; None without an open socket."""
        user = self._users.get(user_id)
        return None if user is None else user.bytes_in

    def connected(self, user_id: UUID) -> set[UUID]:
        """The devices of the user with sockets at this process."""
        user = self._users.get(user_id)
        return set() if user is None else set(user.devices)
