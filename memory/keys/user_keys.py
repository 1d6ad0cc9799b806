"""Users' keys, unwrapped: made, opened, and kept in memory briefly and boundedly."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from uuid import UUID

import trio
from cryptography.fernet import Fernet

from memory.crypto import BlindTerms, Rotation, digest_key
from memory.keys.master import KeyRing
from memory.keys.shares import KeyShares, MissingKeyShare

# First byte of a wrapped key that needs a share; a Fernet token, which is base64, never starts with it.
_WITH_SHARE: Final = b"\x01"
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """What `users.encryption_key` holds, taken apart."""

    token: bytes
    share_id: UUID | None

    @classmethod
    def parse(cls, stored: bytes) -> WrappedKey:
        stored = bytes(stored)
        if not stored.startswith(_WITH_SHARE):
            return cls(stored, None)
        # A cut one gives a share that is not there, or a token that does not open.
        return cls(stored[1 + _ID_BYTES :], UUID(bytes=stored[1 : 1 + _ID_BYTES].ljust(_ID_BYTES, b"\0")))

    def stored(self) -> bytes:
        return self.token if self.share_id is None else _WITH_SHARE + self.share_id.bytes + self.token


@dataclass(frozen=True)
class UserKey:
    """One user's key, ready for use. `stored` is the column it came from; nothing shown of it has a key in it."""

    stored: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @cached_property
    def fernet(self) -> Fernet:
        return Fernet(self.key)

    @cached_property
    def digest_key(self) -> bytes:
        return digest_key(self.key)

    @cached_property
    def terms(self) -> BlindTerms:
        return BlindTerms(self.key)

    @cached_property
    def rotation(self) -> Rotation:
        return Rotation(self.key)

    @cached_property
    def fingerprint(self) -> str:
        """Names the key without telling anything about it: 16 hexadecimal digits."""
        return hashlib.sha256(b"tessera:fingerprint:" + self.key).hexdigest()[:16]

    @property
    def share_id(self) -> UUID | None:
        return WrappedKey.parse(self.stored).share_id


class UserKeys:
    """Opens wrapped keys. Keeps at most `max_kept` of them, each for `keep_s` seconds since it was opened.

    Run `expire` beside it, so that keys which nobody asks for leave in time too. Python offers no way to overwrite what
    they were: the process may hold their bytes until it uses that memory for something else.
    """

    def __init__(
        self,
        keyring: KeyRing,
        shares: KeyShares | None,
        *,
        max_kept: int = 1000,
        keep_s: float = 60.0,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._keyring = keyring
        self._shares = shares
        self._max_kept = max_kept
        self._keep_s = keep_s
        self._clock = clock
        self._kept: OrderedDict[UUID, tuple[float, UserKey]] = OrderedDict()  # the longest opened first
        self._opened = trio.Event()

    def __repr__(self) -> str:
        return f"<UserKeys, {len(self._kept)} kept>"

    def __len__(self) -> int:
        """How many keys are in memory."""
        return len(self._kept)

    async def make(self, user_id: UUID) -> UserKey:
        """A fresh random key for a new user, not yet stored anywhere but for its share. Raises `OSError`."""
        return await self._make(user_id, replacing=False)

    async def make_replacement(self, user_id: UUID) -> UserKey:
        """`make` for a user who has a key, in the transaction that holds that key's exclusive lock. See `replaced`."""
        return await self._make(user_id, replacing=True)

    async def _make(self, user_id: UUID, *, replacing: bool) -> UserKey:
        key = Fernet.generate_key()
        if self._shares is None:
            return UserKey(self._keyring.wrap(key), key)
        share = await self._shares.make(user_id, replacing=replacing)
        return UserKey(WrappedKey(self._keyring.wrap(key, share.secret), share.id).stored(), key)

    def kept(self, user_id: UUID) -> UserKey | None:
        """The key as it was when last opened, if that was a moment ago. It may have been replaced since."""
        found = self._kept.get(user_id)
        if found is None:
            return None
        opened_at, key = found
        if self._clock() - opened_at >= self._keep_s:
            del self._kept[user_id]
            return None
        return key

    async def open(self, user_id: UUID, stored: bytes) -> UserKey:
        """The key that `stored` wraps. Raises `WrongMasterKey` and `MissingKeyShare`."""
        kept = self.kept(user_id)
        if kept is not None and kept.stored == stored:
            return kept
        wrapped = WrappedKey.parse(stored)
        key = UserKey(bytes(stored), self._keyring.unwrap(wrapped.token, await self._secret(user_id, wrapped)))
        self._kept[user_id] = (self._clock(), key)
        self._kept.move_to_end(user_id)
        while len(self._kept) > self._max_kept:
            self._kept.popitem(last=False)
        self._opened.set()
        return key

    async def expire(self) -> None:
        """Drop each key when its time is over; for ever."""
        while True:
            while self._kept:
                opened_at, _ = next(iter(self._kept.values()))
                left_s = opened_at + self._keep_s - self._clock()
                if left_s > 0:
                    await trio.sleep(left_s)
                else:
                    self._kept.popitem(last=False)
            self._opened = trio.Event()
            await self._opened.wait()

    async def rewrap(self, user_id: UUID, stored: bytes) -> bytes | None:
        """`stored` under the first master key, None when it is. Raises what `open` raises."""
        wrapped = WrappedKey.parse(stored)
        secret = await self._secret(user_id, wrapped)
        if self._keyring.wrapped_by_first(wrapped.token, secret):
            return None
        return WrappedKey(self._keyring.rewrap(wrapped.token, secret), wrapped.share_id).stored()

    async def can_destroy(self, user_id: UUID, stored: bytes | None) -> bool:
        """Whether `stored` needs a share that is in the folder here: destroying that makes every copy of it useless."""
        share_id = None if stored is None else WrappedKey.parse(stored).share_id
        return share_id is not None and self._shares is not None and await self._shares.exists(user_id, share_id)

    async def destroy_leftovers(self, user_id: UUID, *keep: bytes | None) -> None:
        """Destroy the user's shares that none of these wrapped keys needs; under the key's exclusive lock."""
        if self._shares is not None:
            ids = [WrappedKey.parse(stored).share_id for stored in keep if stored is not None]
            await self._shares.destroy_others(user_id, [share_id for share_id in ids if share_id is not None])

    async def replaced(self, user_id: UUID, old: bytes | None, by: UserKey) -> None:
        """`by` is committed in the place of `old`: forget that, and destroy its share. Raises `OSError`.

        Nothing else is destroyed, for the lock is gone, and another replacement may be under way.
        """
        self.forget(user_id)
        if self._shares is None:
            return
        share_id = None if old is None else WrappedKey.parse(old).share_id
        if share_id is not None:
            await self._shares.destroy(user_id, share_id)
        if by.share_id is not None:
            await self._shares.settle(user_id, by.share_id)

    async def unsettled(self) -> list[UUID]:
        """Users of whose keys a replacement is under way, or was left undone by a crash: see `settle`."""
        return [] if self._shares is None else await self._shares.unsettled()

    async def settle(self, user_id: UUID, stored: bytes) -> bool:
        """Destroy what undone replacements left beside `stored`, the user's key; under the key's exclusive lock.

        False, and nothing is destroyed, when the share of `stored` is not here: this is not the folder of this database
        then, or not its newest state, and what looks left over may be somebody's current share. Raises `OSError`.
        """
        if self._shares is None:
            return False
        share_id = WrappedKey.parse(stored).share_id
        if share_id is not None and not await self._shares.exists(user_id, share_id):
            return False
        await self.destroy_leftovers(user_id, stored)
        await self._shares.settle_all(user_id)
        return True

    async def discard(self, user_id: UUID) -> None:
        """The user that a key was made for did not come to be: destroy its share."""
        if self._shares is not None:
            await self._shares.discard(user_id)

    def forget(self, user_id: UUID) -> None:
        """Drop the user's key from memory."""
        self._kept.pop(user_id, None)

    async def _secret(self, user_id: UUID, wrapped: WrappedKey) -> bytes:
        if wrapped.share_id is None:
            return b""
        if self._shares is None:
            raise MissingKeyShare
        return (await self._shares.read(user_id, wrapped.share_id)).secret
