"""The account an embedded PostgreSQL runs under: our own, except that it refuses to run as root."""

from __future__ import annotations

import logging
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

logger = logging.getLogger(__name__)

FOR_ROOT = ("postgres", "nobody")
"""Whose account is used when we are root, in order of preference; none is made."""


class Credentials(TypedDict, total=False):
    """The arguments of `subprocess.run` that change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """`uid` and `gid` when the server runs under another account than ours, else None."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def of(cls, cluster: Path) -> ServerAccount:
        """The account to use: root gives the cluster's owner, or for a new one the first of `FOR_ROOT`."""
        if os.geteuid() != 0:
            return cls()
        if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid)
        for name in FOR_ROOT:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise OSError(f"PostgreSQL does not run as root, and there is no account named {' or '.join(FOR_ROOT)}")

    def credentials(self) -> Credentials:
        """What to pass to `subprocess.run`."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make `path` the account's. One that is a link, or a third party's, is refused: it was put there."""
        if path.is_symlink() or path.stat().st_uid not in {os.geteuid(), self.uid}:
            raise PermissionError(f"{path} belongs to someone else")
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def admit(self, binaries: Path, home: Path) -> None:
        """Let another account reach the programs and the data: it may pass through the parents, not list them."""
        if self.uid is None:
            return
        if not (binaries / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
            for path in (binaries, *binaries.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
        for directory in (home, *home.parents, *binaries.parents):
            mode = directory.stat().st_mode
            if not mode & stat.S_IXOTH:
                logger.warning("running as root: %s is opened for passing through (o+x), for PostgreSQL", directory)
                directory.chmod(mode | stat.S_IXOTH)
