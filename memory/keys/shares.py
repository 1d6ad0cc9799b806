"""The half of each user key's wrapping that is not in the database.

Whoever has the master keys and an old copy of the database could unwrap the user keys in that copy, so deleting rows
and keys in the live database would not reach backups. Each user key is therefore wrapped under the master key *and* a
random share that lives in a file of its own; erasing destroys the file, and with it every copy of what that key sealed.

A folder of shares belongs to one database, is shared by all servers on it, and must not be backed up together with it.

    <folder>/<user>/<share>                 the shares
    <folder>/unsettled/<user>.<share>       a key's replacement that was begun: the user may have a share too many

The second is written before a replacing key's share is, and removed when the replaced one's is destroyed. What a crash
leaves in between is found by it, without looking through everybody's shares.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import trio

SHARE_BYTES: Final = 32
_UNSETTLED: Final = "unsettled"


class MissingKeyShare(Exception):
    """A user's key can't be unwrapped, for its share is not in the folder."""

    def __init__(self) -> None:
        super().__init__(
            "the share of this user's key is not in TESSERA_KEY_SHARES_DIR:"
            " that folder must be the one the key was made with, and the same for every server of the database"
        )


@dataclass(frozen=True, slots=True)
class KeyShare:
    """`id` names the file and is stored with the wrapped key; `secret` is what the file holds."""

    id: UUID
    secret: bytes

    def __repr__(self) -> str:
        return f"KeyShare({self.id})"


class KeyShares:
    """The shares in one folder, a file each, mode 0600, in a folder per user.

    A share other than a user's current one is destroyed under the exclusive lock on the user's key only, or by whoever
    replaced it: under that lock nobody else can be in the middle of a replacement whose share is still to be committed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def make(self, user_id: UUID, *, replacing: bool = False) -> KeyShare:
        """A new share, on disk when this returns. Raises `OSError`.

        `replacing`: the user has a key; hold its exclusive lock, and `settle` or `settle_all` when it is done.
        """
        share = KeyShare(uuid4(), secrets.token_bytes(SHARE_BYTES))
        if replacing:
            await trio.to_thread.run_sync(_note, self._folder / _UNSETTLED, self._unsettled(user_id, share.id))
        await trio.to_thread.run_sync(_write, self._folder, self._path(user_id, share.id), share.secret)
        return share

    async def read(self, user_id: UUID, share_id: UUID) -> KeyShare:
        """Raises `MissingKeyShare`, also for a damaged file, and for one that is just being destroyed."""
        try:
            secret = await trio.Path(self._path(user_id, share_id)).read_bytes()
        except FileNotFoundError:
            raise MissingKeyShare from None
        if len(secret) != SHARE_BYTES or not any(secret):
            raise MissingKeyShare
        return KeyShare(share_id, secret)

    async def exists(self, user_id: UUID, share_id: UUID) -> bool:
        """Whether the share has a file in this folder."""
        return await trio.Path(self._path(user_id, share_id)).exists()

    async def destroy(self, user_id: UUID, share_id: UUID) -> None:
        """Destroy one share. One that is gone already is none. Raises `OSError`."""
        await trio.to_thread.run_sync(_destroy, [self._path(user_id, share_id)])

    async def destroy_others(self, user_id: UUID, keep: Collection[UUID]) -> None:
        """Destroy the user's shares but those of `keep`; under the exclusive lock on their key. Raises `OSError`."""
        await trio.to_thread.run_sync(_destroy_others, self._folder / str(user_id), {str(share) for share in keep})

    async def discard(self, user_id: UUID) -> None:
        """The user did not come to be: destroy what was made for them. Raises `OSError`."""
        await trio.to_thread.run_sync(_discard, self._folder / str(user_id))

    async def settle(self, user_id: UUID, share_id: UUID) -> None:
        """The replacement that made this share is over, and the share it replaced destroyed."""
        await trio.to_thread.run_sync(_remove, [self._unsettled(user_id, share_id)])

    async def settle_all(self, user_id: UUID) -> None:
        """No replacement of this user's key is under way or left undone; under the exclusive lock on their key."""
        folder = self._folder / _UNSETTLED
        await trio.to_thread.run_sync(lambda: _remove(sorted(folder.glob(f"{user_id}.*"))))

    async def unsettled(self) -> list[UUID]:
        """The users of whose keys a replacement is under way, or was left undone by a crash."""
        return await trio.to_thread.run_sync(_users, self._folder / _UNSETTLED)

    def _path(self, user_id: UUID, share_id: UUID) -> Path:
        return self._folder / str(user_id) / str(share_id)

    def _unsettled(self, user_id: UUID, share_id: UUID) -> Path:
        return self._folder / _UNSETTLED / f"{user_id}.{share_id}"


def _note(folder: Path, path: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    for changed in (folder, folder.parent):
        _sync_folder(changed)


def _write(root: Path, path: Path, secret: bytes) -> None:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    # Whole or not at all: mkstemp makes the file with mode 0600.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).rename(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    for folder in (path.parent, root):
        _sync_folder(folder)


def _destroy_others(folder: Path, keep: Collection[str]) -> None:
    # A glob finds hidden files too: what a crash in the middle of writing a share left.
    _destroy([path for path in sorted(folder.glob("*")) if path.name not in keep])


def _destroy(paths: Collection[Path]) -> None:
    for path in paths:
        # Overwritten first: on most file systems that reaches the old blocks, where it does not the name is gone still.
        try:
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError:
            continue  # another server was faster
        path.unlink(missing_ok=True)
    _sync_parents(paths)


def _discard(folder: Path) -> None:
    _destroy_others(folder, ())
    if folder.exists():
        folder.rmdir()
        _sync_folder(folder.parent)


def _remove(paths: Collection[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    _sync_parents(paths)


def _users(folder: Path) -> list[UUID]:
    found = set()
    for path in folder.glob("*.*"):
        try:
            found.add(UUID(path.name.partition(".")[0]))
        except ValueError:
            continue  # not one of ours
    return sorted(found)


def _sync_parents(paths: Collection[Path]) -> None:
    for folder in {path.parent for path in paths}:
        if folder.exists():
            _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
