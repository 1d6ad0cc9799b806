"""Locked files of the servers on one machine. The kernel releases a lock when its process ends, however it ends.

So a server that starts again after a kill knows immediately that its predecessor is gone. A frozen process keeps its
lock. Files of other machines, in a folder that several share, are not looked at: locks may not reach that far.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

log = structlog.get_logger(__name__)

_FOLDER: Final = "servers"
# A new id for each start of the machine. Other systems than Linux have no such file.
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_REMOVE_AFTER_S: Final = 86_400.0


class ServerMarks:
    """The files in one state folder."""

    def __init__(self, state_dir: Path, boot_id: Path = _BOOT_ID) -> None:
        """`boot_id`: the file with the id of the machine's start. Without it nothing is marked."""
        self._servers = state_dir / _FOLDER
        try:
            self._folder: Path | None = self._servers / boot_id.read_text("ascii").strip()
        except OSError:
            self._folder = None

    def __repr__(self) -> str:
        return f"<ServerMarks in {self._folder}>"

    @contextmanager
    def hold(self, server_id: UUID) -> Iterator[None]:
        """Mark this process as the server `server_id` for the length of the block. Call it before others know the id.

        A mark that can't be made is logged: others then notice the end of this server by its missing heartbeats.
        """
        held = None
        try:
            held = self._lock_own(server_id)
        except OSError as error:
            log.warning("server_mark_failed", reason=type(error).__name__, detail=error.strerror or "")
        try:
            yield
        finally:
            if held is not None and self._folder is not None:
                with suppress(OSError):
                    (self._folder / server_id.hex).unlink()
                os.close(held)

    def is_dead(self, server_id: UUID) -> bool:
        """Whether the process of this server has certainly ended. False also if that is not known here."""
        return self._folder is not None and _is_free(self._folder / server_id.hex)

    def _lock_own(self, server_id: UUID) -> int | None:
        if self._folder is None:
            return None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_old()
        held = os.open(self._folder / server_id.hex, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(held)
            raise
        return held

    def _remove_old(self) -> None:
        """Remove the files of processes that ended over a day ago, also those of earlier starts of a machine."""
        for mark in self._servers.glob("*/*"):
            with suppress(OSError):  # another server removes them too
                old = time.time() - mark.stat().st_mtime > _REMOVE_AFTER_S
                if old and (mark.parent != self._folder or _is_free(mark)):
                    mark.unlink()
        for folder in self._servers.glob("*"):
            if folder != self._folder:
                with suppress(OSError):  # it has files
                    folder.rmdir()


def _is_free(mark: Path) -> bool:
    """Whether a file exists that no process has locked."""
    try:
        opened = os.open(mark, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(opened)
    return True
