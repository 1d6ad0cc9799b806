"""The account of an embedded PostgreSQL: this process's account, or another one, because it refuses to run as root."""

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
"""The accounts to use when this process runs as root, in order of preference. They are not created."""


class Credentials(TypedDict, total=False):
    """The arguments of `subprocess.run` that set the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """`uid` and `gid` if the server runs under another account than this process, else None."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def of(cls, cluster: Path) -> ServerAccount:
        """The account to use. As root: the owner of the cluster, or the first of `FOR_ROOT` for a new cluster."""
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
        """The keyword arguments for `subprocess.run`."""
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Make the account own `path`. Refuses links and files of third accounts: they may come from an attacker."""
        if path.is_symlink() or path.stat().st_uid not in {os.geteuid(), self.uid}:
            raise PermissionError(f"{path} is a link or belongs to another account")
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def admit(self, binaries: Path, home: Path) -> None:
        """Let the account reach the programs and the data: it may pass through the parent folders, not list them."""
        if self.uid is None:
            return
        if not (binaries / "bin" / "postgres").stat().st_mode & stat.S_IXOTH:
            for path in (binaries, *binaries.rglob("*")):
                mode = path.stat().st_mode
                path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
        for directory in (home, *home.parents, *binaries.parents):
            mode = directory.stat().st_mode
            if not mode & stat.S_IXOTH:
                logger.warning(
                    "%s now lets all accounts pass through (o+x): PostgreSQL does not run as root", directory
                )
                directory.chmod(mode | stat.S_IXOTH)
