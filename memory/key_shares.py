"""The half of each user key's wrapping that is not in the database.

Whoever has the master keys and an old copy of the database could unwrap the user keys in that copy, so deleting rows
and keys in the live database would not reach backups. Each user key is therefore wrapped under the master key *and* a
random share that lives in a file of its own; erasing destroys the file, and with it every copy of what that key sealed.

A folder of shares belongs to one database, is shared by all servers on it, and must not be backed up together with it.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import trio

SHARE_BYTES: Final = 32
# A share this young may belong to a key whose transaction has not been committed yet.
_GRACE_S: Final = 600.0


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
    """The shares in one folder, a file each, mode 0600, in a folder per user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def make(self, user_id: UUID) -> KeyShare:
        """A new share, on disk when this returns. Raises `OSError`."""
        share = KeyShare(uuid4(), secrets.token_bytes(SHARE_BYTES))
        await trio.to_thread.run_sync(_write, self._folder, self._path(user_id, share.id), share.secret)
        return share

    async def read(self, user_id: UUID, share_id: UUID) -> KeyShare:
        """Raises `MissingKeyShare`, also for a damaged file."""
        try:
            secret = await trio.Path(self._path(user_id, share_id)).read_bytes()
        except FileNotFoundError:
            raise MissingKeyShare from None
        if len(secret) != SHARE_BYTES:
            raise MissingKeyShare
        return KeyShare(share_id, secret)

    async def destroy(self, user_id: UUID, *, keep: UUID | None, sparing_recent: bool = False) -> int:
        """Destroy the user's shares but `keep`; returns how many. `sparing_recent` leaves those of the last minutes."""
        newest = time.time() - _GRACE_S if sparing_recent else float("inf")
        return await trio.to_thread.run_sync(_destroy, self._folder / str(user_id), str(keep), newest)

    def _path(self, user_id: UUID, share_id: UUID) -> Path:
        return self._folder / str(user_id) / str(share_id)


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


def _destroy(folder: Path, keep: str, newest: float) -> int:
    count = 0
    for path in sorted(folder.glob("*")):
        if path.name == keep or path.stat().st_mtime > newest:
            continue
        # Overwritten first: on most file systems that reaches the old blocks, where it does not the name is gone still.
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        count += 1
    if count:
        _sync_folder(folder)
    return count


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
