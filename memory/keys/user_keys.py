"""Users' keys: made, unwrapped, and cached for a short time."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from uuid import UUID

import trio
from cryptography.fernet import Fernet

from memory.crypto import BlindTerms, Cipher, Rotation, digest_key
from memory.keys.master import KeyRing, is_bound
from memory.keys.shares import KeyShares, MissingKeyShare

# The first byte of a wrapped key that needs a share. No token of `KeyRing` starts with it.
_WITH_SHARE: Final = b"\x01"
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """The parts of a value of `users.encryption_key`."""

    token: bytes
    share_id: UUID | None

    @classmethod
    def parse(cls, stored: bytes) -> WrappedKey:
        stored = bytes(stored)
        if not stored.startswith(_WITH_SHARE):
            return cls(stored, None)
        # A truncated value leads to a share that does not exist, or to an invalid token.
        return cls(stored[1 + _ID_BYTES :], UUID(bytes=stored[1 : 1 + _ID_BYTES].ljust(_ID_BYTES, b"\0")))

    def stored(self) -> bytes:
        return self.token if self.share_id is None else _WITH_SHARE + self.share_id.bytes + self.token


@dataclass(frozen=True)
class UserKey:
    """One user's key. `stored` is the value of its column. The `repr` contains no key."""

    user_id: UUID
    stored: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @cached_property
    def cipher(self) -> Cipher:
        return Cipher(self.user_id, self.key)

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
        """Identifies the key without revealing anything about it: 16 hexadecimal digits."""
        return hashlib.sha256(b"tessera:fingerprint:" + self.key).hexdigest()[:16]

    @property
    def share_id(self) -> UUID | None:
        return WrappedKey.parse(self.stored).share_id

    @property
    def is_bound(self) -> bool:
        """Whether the key is wrapped in the form that is bound to its user. Keys of earlier releases are not."""
        return is_bound(WrappedKey.parse(self.stored).token)


class UserKeys:
    """Unwraps users' keys. Caches at most `max_cached` of them, each for `cache_s` seconds after it was unwrapped.

    The keys of users in `holding` are cached in addition, until the last `holding` of the user ends.

    Start `expire` in a nursery, so that unused keys are evicted in time too. Python can't overwrite the bytes of an
    evicted key: they may stay in the process's memory until it is reused.
    """

    def __init__(
        self,
        keyring: KeyRing,
        shares: KeyShares | None,
        *,
        max_cached: int = 1000,
        cache_s: float = 60.0,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._keyring = keyring
        self._shares = shares
        self._max_cached = max_cached
        self._cache_s = cache_s
        self._clock = clock
        self._cached: OrderedDict[UUID, tuple[float, UserKey]] = OrderedDict()  # the oldest first
        self._added = trio.Event()
        self._holding: Counter[UUID] = Counter()
        self._held: dict[UUID, UserKey] = {}

    def __repr__(self) -> str:
        return f"<UserKeys, {len(self)} cached>"

    def __len__(self) -> int:
        """The number of cached keys."""
        return len(self._cached) + len(self._held)

    def holding(self, user_id: UUID) -> AbstractContextManager[None]:
        """While the context is open, the user's key stays cached when it has been unwrapped."""
        return _Holding(self, user_id)

    def _hold(self, user_id: UUID) -> None:
        self._holding[user_id] += 1

    def _release(self, user_id: UUID) -> None:
        self._holding[user_id] -= 1
        if not self._holding[user_id]:
            del self._holding[user_id]
            key = self._held.pop(user_id, None)
            if key is not None:
                self._cache(user_id, key)

    def sign(self, text: bytes) -> tuple[bytes, bytes]:
        """See `KeyRing.sign`."""
        return self._keyring.sign(text)

    async def make(self, user_id: UUID) -> UserKey:
        """A new random key for a new user. Only its share is stored yet. Raises `OSError`."""
        return await self._make(user_id, replacing=False)

    async def make_replacement(self, user_id: UUID) -> UserKey:
        """Like `make`, for a user who has a key. Hold its exclusive lock, and call `replaced` after the commit."""
        return await self._make(user_id, replacing=True)

    async def _make(self, user_id: UUID, *, replacing: bool) -> UserKey:
        key = Fernet.generate_key()
        if self._shares is None:
            return UserKey(user_id, self._keyring.wrap(user_id, key), key)
        share = await self._shares.make(user_id, replacing=replacing)
        wrapped = WrappedKey(self._keyring.wrap(user_id, key, share.secret), share.id)
        return UserKey(user_id, wrapped.stored(), key)

    def cached(self, user_id: UUID) -> UserKey | None:
        """The cached key, or None. It may have been replaced since it was cached."""
        if user_id in self._held:
            return self._held[user_id]
        found = self._cached.get(user_id)
        if found is None:
            return None
        unwrapped_at, key = found
        if self._clock() - unwrapped_at >= self._cache_s:
            del self._cached[user_id]
            return None
        return key

    async def unwrap(self, user_id: UUID, stored: bytes) -> UserKey:
        """The key wrapped in `stored`, from the cache if it is the same. Raises `WrongMasterKey`, `MissingKeyShare`."""
        cached = self.cached(user_id)
        if cached is not None and cached.stored == stored:
            return cached
        wrapped = WrappedKey.parse(stored)
        secret = await self._secret(user_id, wrapped)
        key = UserKey(user_id, bytes(stored), self._keyring.unwrap(user_id, wrapped.token, secret))
        self._cache(user_id, key)
        return key

    def _cache(self, user_id: UUID, key: UserKey) -> None:
        if user_id in self._holding:
            self._cached.pop(user_id, None)
            self._held[user_id] = key
            return
        self._cached[user_id] = (self._clock(), key)
        self._cached.move_to_end(user_id)
        while len(self._cached) > self._max_cached:
            self._cached.popitem(last=False)
        self._added.set()

    async def expire(self) -> None:
        """Evict each key when its time is over, until cancelled."""
        while True:
            while self._cached:
                unwrapped_at, _ = next(iter(self._cached.values()))
                left_s = unwrapped_at + self._cache_s - self._clock()
                if left_s > 0:
                    await trio.sleep(left_s)
                else:
                    self._cached.popitem(last=False)
            self._added = trio.Event()
            await self._added.wait()

    async def rewrap(self, user_id: UUID, stored: bytes) -> bytes | None:
        """`stored`, wrapped by the first master key for this user; None if it is already. Raises like `unwrap`."""
        wrapped = WrappedKey.parse(stored)
        secret = await self._secret(user_id, wrapped)
        if self._keyring.is_current(user_id, wrapped.token, secret):
            return None
        return WrappedKey(self._keyring.rewrap(user_id, wrapped.token, secret), wrapped.share_id).stored()

    async def can_destroy(self, user_id: UUID, stored: bytes | None) -> bool:
        """Whether `stored` needs a share that exists here. If so, destroying it makes copies of the key useless."""
        share_id = None if stored is None else WrappedKey.parse(stored).share_id
        return share_id is not None and self._shares is not None and await self._shares.exists(user_id, share_id)

    async def destroy_leftovers(self, user_id: UUID, *keep: bytes | None) -> None:
        """Destroy the user's shares, except those that the wrapped keys `keep` need. Hold the key's exclusive lock."""
        if self._shares is not None:
            ids = [WrappedKey.parse(stored).share_id for stored in keep if stored is not None]
            await self._shares.destroy_others(user_id, [share_id for share_id in ids if share_id is not None])

    async def replaced(self, user_id: UUID, old: bytes | None, by: UserKey) -> None:
        """Evict `old` and destroy its share, after `by` was committed in its place. Raises `OSError`.

        Other shares are not touched: the lock is released, so another replacement may be running.
        """
        self.evict(user_id)
        if self._shares is None:
            return
        share_id = None if old is None else WrappedKey.parse(old).share_id
        if share_id is not None:
            await self._shares.destroy(user_id, share_id)
        if by.share_id is not None:
            await self._shares.settle(user_id, by.share_id)

    async def unsettled(self) -> list[UUID]:
        """Users whose key is being replaced, or whose replacement was interrupted by a crash: see `settle`."""
        return [] if self._shares is None else await self._shares.unsettled()

    async def settle(self, user_id: UUID, stored: bytes) -> bool:
        """Destroy the shares that interrupted replacements left next to the user's key `stored`.

        Hold its exclusive lock.

        Returns False, and destroys nothing, if the share of `stored` is missing. Then the folder belongs to another
        database or is out of date, and what looks superfluous may be a current share. Raises `OSError`.
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
        """Destroy the share of a key that was made for a user whose registration failed."""
        if self._shares is not None:
            await self._shares.discard(user_id)

    async def discard_share(self, user_id: UUID, share_id: UUID) -> None:
        """Destroy one share, of a key that was made at the same time as another key of the same new user."""
        if self._shares is not None:
            await self._shares.destroy(user_id, share_id)

    async def destroy(self, user_id: UUID) -> None:
        """Evict the key of a deleted user and destroy all their shares, after the commit. Raises `OSError`."""
        self.evict(user_id)
        if self._shares is not None:
            await self._shares.discard(user_id)
            await self._shares.settle_all(user_id)

    def evict(self, user_id: UUID) -> None:
        """Evict the user's key from the cache."""
        self._cached.pop(user_id, None)
        self._held.pop(user_id, None)

    async def _secret(self, user_id: UUID, wrapped: WrappedKey) -> bytes:
        if wrapped.share_id is None:
            return b""
        if self._shares is None:
            raise MissingKeyShare
        return (await self._shares.read(user_id, wrapped.share_id)).secret


class _Holding:
    """Keeps a key cached. A generator in its place would take five times the memory, for each open socket."""

    __slots__ = ("_keys", "_user_id")

    def __init__(self, keys: UserKeys, user_id: UUID) -> None:
        self._keys = keys
        self._user_id = user_id

    def __enter__(self) -> None:
        self._keys._hold(self._user_id)

    def __exit__(self, *_: object) -> None:
        self._keys._release(self._user_id)
