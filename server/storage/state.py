"""What the server keeps on its own disk: the state folder, and the master key of a machine that was given none."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio
from cryptography.fernet import Fernet

from memory.keys import check_master_key
from memory.maintenance import sampled_keys
from server.settings import PREFIX, Settings, SettingsError
from sql.pool import Pool
from sql.statements import Statements

_KEY_FILE: Final = "master.key"


def prepare_state_dir(path: Path) -> None:
    """Make the state folder, readable by its owner only. An existing one is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def master_keys(settings: Settings) -> tuple[list[str], Path | None] | None:
    """The master keys, and the file they are kept in when the settings name none; None when there are none yet.

    Writes nothing. Losing that file makes what is encrypted under it unreadable for good. Raises `SettingsError` when
    it holds no key.
    """
    if settings.master_keys:
        return [key.get_secret_value() for key in settings.master_keys], None
    path = settings.state_dir / _KEY_FILE
    return (_read(path), path) if path.exists() else None


async def first_master_key(settings: Settings, pool: Pool, statements: Statements) -> tuple[list[str], Path]:
    """A new master key in the state folder, mode 0600, for a database whose users have no keys yet.

    A database with users' keys had another master key, which a new one could not replace: raises `SettingsError` then,
    and writes nothing.
    """
    path = settings.state_dir / _KEY_FILE
    wrapped = any(key is not None for key in (await sampled_keys(pool, statements)).values())
    if wrapped and not path.exists():  # another server may have made it meanwhile
        mistake = (
            f"{PREFIX}MASTER_KEYS: unset, and there is no {path}, but the database has users whose keys a master key"
            " wrapped: set it, or put the file back; nothing was written"
        )
        raise SettingsError([mistake])
    await trio.to_thread.run_sync(_write_new_key, path)
    return _read(path), path


def _read(path: Path) -> list[str]:
    keys = [key for key in path.read_text("ascii", "replace").split() if key]
    try:
        for key in keys:
            check_master_key(key)
    except ValueError:
        keys = []
    if not keys:
        raise SettingsError([f"{PREFIX}MASTER_KEYS: unset, and {path} holds no Fernet key"])
    return keys


def _write_new_key(path: Path) -> None:
    # Written whole under another name and linked into place: two servers that start at once end up with one key, and
    # neither reads half of it. mkstemp makes the file with mode 0600.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
