"""The state folder on the server's disk, and the generated master key in it."""

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
    """Create the state folder, readable by its owner only. An existing folder is not changed."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def master_keys(settings: Settings) -> tuple[list[str], Path | None] | None:
    """The master keys, and the key file if the settings have no keys. None if there is no key file either.

    Writes nothing. If the key file is lost, the data encrypted with it can never be read again. Raises
    `SettingsError` if the file contains no valid key.
    """
    if settings.master_keys:
        return [key.get_secret_value() for key in settings.master_keys], None
    path = settings.state_dir / _KEY_FILE
    return (_read(path), path) if path.exists() else None


async def first_master_key(settings: Settings, pool: Pool, statements: Statements) -> tuple[list[str], Path]:
    """Generate a master key into the state folder, with mode 0600, if no user in the database has a key yet.

    Otherwise users' keys are encrypted with another master key, which a new one can't replace: raises `SettingsError`
    and writes nothing.
    """
    path = settings.state_dir / _KEY_FILE
    wrapped = any(key is not None for key in (await sampled_keys(pool, statements)).values())
    if wrapped and not path.exists():  # another server may have created it meanwhile
        mistake = (
            f"{PREFIX}MASTER_KEYS: unset, and {path} does not exist, but users' keys in the database are encrypted"
            " with a master key: set it to that key, or restore the file"
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
        mistake = f"unset, and {path} contains no valid Fernet key: restore the file or set the variable"
        raise SettingsError([f"{PREFIX}MASTER_KEYS: {mistake}"])
    return keys


def _write_new_key(path: Path) -> None:
    # The key is written to a temporary file, then linked to its name: two servers that start together get the same
    # key, and neither reads a partial one. mkstemp creates the file with mode 0600.
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
