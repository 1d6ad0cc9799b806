"""Key shares in a folder: one file per share.

The folder belongs to one database and is shared by all servers of it. Do not back it up together with the database.

    <folder>/<user>/<share>                 the shares
    <folder>/unsettled/<user>.<share>       marks a running replacement: the user may have one share too many

The marker is written before the new key's share. It is removed when the old share is destroyed. After a crash it names
the user whose shares must be cleaned up, so no task looks through all shares.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import trio

from memory.keys.shares import SHARE_BYTES, KeyShare, MissingKeyShare

_UNSETTLED: Final = "unsettled"


class FolderShares:
    """`KeyShares` in one folder: a file with mode 0600 per share, in a folder per user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def make(self, user_id: UUID, *, replacing: bool = False) -> KeyShare:
        """See `KeyShares`. The file is synced to disk."""
        share = KeyShare(uuid4(), secrets.token_bytes(SHARE_BYTES))
        if replacing:
            await trio.to_thread.run_sync(_note, self._folder / _UNSETTLED, self._unsettled(user_id, share.id))
        await trio.to_thread.run_sync(_write, self._folder, self._path(user_id, share.id), share.secret)
        return share

    async def read(self, user_id: UUID, share_id: UUID) -> KeyShare:
        """See `KeyShares`."""
        try:
            secret = await trio.Path(self._path(user_id, share_id)).read_bytes()
        except FileNotFoundError:
            raise MissingKeyShare from None
        if len(secret) != SHARE_BYTES or not any(secret):
            raise MissingKeyShare
        return KeyShare(share_id, secret)

    async def exists(self, user_id: UUID, share_id: UUID) -> bool:
        """See `KeyShares`."""
        return await trio.Path(self._path(user_id, share_id)).exists()

    async def destroy(self, user_id: UUID, share_id: UUID) -> None:
        """See `KeyShares`."""
        await trio.to_thread.run_sync(_destroy, [self._path(user_id, share_id)])

    async def destroy_others(self, user_id: UUID, keep: Collection[UUID]) -> None:
        """See `KeyShares`."""
        await trio.to_thread.run_sync(_destroy_others, self._folder / str(user_id), {str(share) for share in keep})

    async def discard(self, user_id: UUID) -> None:
        """See `KeyShares`."""
        await trio.to_thread.run_sync(_discard, self._folder / str(user_id))

    async def settle(self, user_id: UUID, share_id: UUID) -> None:
        """See `KeyShares`."""
        await trio.to_thread.run_sync(_remove, [self._unsettled(user_id, share_id)])

    async def settle_all(self, user_id: UUID) -> None:
        """See `KeyShares`."""
        folder = self._folder / _UNSETTLED
        await trio.to_thread.run_sync(lambda: _remove(sorted(folder.glob(f"{user_id}.*"))))

    async def unsettled(self) -> list[UUID]:
        """See `KeyShares`."""
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
    # Write to a temporary file and rename it, so that the file is complete or absent. mkstemp sets mode 0600.
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
    # The glob also finds hidden files, which remain when a crash interrupts the writing of a share.
    _destroy([path for path in sorted(folder.glob("*")) if path.name not in keep])


def _destroy(paths: Collection[Path]) -> None:
    for path in paths:
        # Overwrite first: on most file systems that reaches the old blocks. Where it does not, the name is still gone.
        try:
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError:
            continue  # another server destroyed it first
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
            continue  # not a file that `make` wrote
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
