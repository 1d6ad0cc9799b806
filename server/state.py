"""What the server keeps on its own disk: the state folder, and the master key of a machine that was given none."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet

from memory.keys import check_master_key
from server.settings import PREFIX, Settings, SettingsError

_KEY_FILE: Final = "master.key"


def prepare_state_dir(path: Path) -> None:
    """Make the state folder, readable by its owner only. An existing one is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def master_keys(settings: Settings) -> tuple[list[str], Path | None]:
    """The master keys, and the file they were kept in when the settings name none.

    That file is made on first use, mode 0600. Losing it makes what is encrypted under it unreadable for good. Raises
    `SettingsError` when the file holds no key.
    """
    if settings.master_keys:
        return [key.get_secret_value() for key in settings.master_keys], None
    path = settings.state_dir / _KEY_FILE
    if not path.exists():
        _write_new_key(path)
    keys = [key for key in path.read_text("ascii", "replace").split() if key]
    try:
        for key in keys:
            check_master_key(key)
    except ValueError:
        keys = []
    if not keys:
        raise SettingsError([f"{PREFIX}MASTER_KEYS: unset, and {path} holds no Fernet key"])
    return keys, path


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
