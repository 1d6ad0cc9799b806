"""The open sockets of each user: how many devices have one, and how many bytes they may send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Final
from uuid import UUID

from server.shared_limits import Limit, Limits, OwnLimit, Rate
from server.sockets.handshake import HandshakeFailed
from streaming.wire import CloseCode

DEFAULT_SOCKETS: Final = 10
DEFAULT_BYTES_PER_S: Final = 262_144
DEFAULT_BYTES_BURST: Final = 4_194_304
# Frames below this size are counted together, so that not each of them asks other processes.
_COUNTED_BYTES: Final = 16_384


class BytesIn:
    """What one socket of a user sends. `limit`: of all bytes of the user."""

    def __init__(self, limit: Limit, user_id: UUID) -> None:
        self._limit = limit
        self._key = str(user_id)
        self._uncounted = 0

    def count(self, size: int) -> bool:
        """Count `size` bytes. Returns whether `spend` should be called."""
        self._uncounted += size
        return self._uncounted >= _COUNTED_BYTES

    async def spend(self) -> float:
        """Take what was counted from the user's rate. Returns the seconds for which the socket should not be read."""
        counted, self._uncounted = self._uncounted, 0
        return await self._limit.spend(self._key, counted)


class UserSockets:
    """At most `devices` devices of one user with open sockets; they send `bytes_per_s`, in bursts of `bytes_burst`.

    The bytes count also after the sockets are closed, so a user who connects again gets no new burst.
    """

    def __init__(
        self,
        devices: int = DEFAULT_SOCKETS,
        bytes_per_s: float = DEFAULT_BYTES_PER_S,
        bytes_burst: int = DEFAULT_BYTES_BURST,
        make_limit: Limits = OwnLimit,
    ) -> None:
        self._devices = devices
        self._bytes_in = make_limit(Rate("bytes_in", bytes_per_s, bytes_burst))
        self._users: dict[UUID, Counter[UUID]] = {}

    def __len__(self) -> int:
        return len(self._users)

    def open(self, user_id: UUID, device_id: UUID) -> AbstractContextManager[None]:
        """Count one socket for the length of the block, from now on.

        Raises `HandshakeFailed` if too many other devices of the user have sockets. A device that connects again takes
        the place of its older socket.
        """
        self.check(self._users.get(user_id, ()), device_id)
        self._users.setdefault(user_id, Counter())[device_id] += 1
        return _Open(self, user_id, device_id)

    def _close(self, user_id: UUID, device_id: UUID) -> None:
        devices = self._users[user_id]
        devices[device_id] -= 1
        if not devices[device_id]:
            del devices[device_id]
        if not devices:
            del self._users[user_id]

    def check(self, connected: Collection[UUID], device_id: UUID) -> None:
        """Raise `HandshakeFailed` if the devices `connected` leave no place for this one."""
        others = len(connected) - (device_id in connected)
        if others >= self._devices:
            reason = f"{others} devices of this account are connected; the limit is {self._devices}"
            raise HandshakeFailed(CloseCode.TOO_MANY_SOCKETS, reason)

    def bytes_in(self, user_id: UUID) -> BytesIn:
        """Counts what a socket of the user sends."""
        return BytesIn(self._bytes_in, user_id)

    def connected(self, user_id: UUID) -> set[UUID]:
        """The devices of the user with sockets at this process."""
        return set(self._users.get(user_id, ()))


class _Open:
    """An open socket. A generator in its place would take five times the memory, in each idle session."""

    __slots__ = ("_device_id", "_user_id", "_users")

    def __init__(self, users: UserSockets, user_id: UUID, device_id: UUID) -> None:
        self._users = users
        self._user_id = user_id
        self._device_id = device_id

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._users._close(self._user_id, self._device_id)
