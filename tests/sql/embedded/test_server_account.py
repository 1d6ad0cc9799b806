"""The account that the embedded server runs under, and the folders that it may enter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sql.embedded.server_account import ServerAccount
from tests.database import temporary_directory

OTHER = ServerAccount(uid=54321, gid=54321)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def directory() -> Iterator[Path]:
    with temporary_directory() as directory:
        yield directory


def tree(root: Path) -> Path:
    """Programs that only their owner can read."""
    for name, mode in {"bin/postgres": 0o700, "lib/vector.so": 0o600}.items():
        path = root / name
        path.parent.mkdir(parents=True)
        path.touch(mode)
    for folder in (root, root / "bin", root / "lib"):
        folder.chmod(0o700)
    return root


def modes(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root.parent)): path.stat().st_mode & 0o777 for path in (root, *root.rglob("*"))}


def test_our_own_account_needs_no_permissions(directory: Path) -> None:
    programs = tree(directory / "programs")
    before = modes(programs)
    ServerAccount().admit(programs, directory)
    ServerAccount().give(programs)
    assert modes(programs) == before
    assert ServerAccount().credentials() == {}


def test_another_account_is_let_into_no_more_than_it_needs(directory: Path) -> None:
    programs = tree(directory / "programs")
    home = directory / "private" / "home"
    home.mkdir(parents=True)
    for path in (home, home.parent):
        path.chmod(0o700)
    OTHER.admit(programs, home)
    assert modes(programs) == {
        "programs": 0o705,
        "programs/bin": 0o705,
        "programs/lib": 0o705,
        "programs/bin/postgres": 0o705,
        "programs/lib/vector.so": 0o604,
    }
    # The account may traverse the folder, but not list it.
    assert modes(home.parent) == {"private": 0o701, "private/home": 0o701}
    assert OTHER.credentials() == {"user": 54321, "group": 54321, "extra_groups": []}


@as_root
def test_the_owner_of_the_data_is_kept_and_a_missing_account_statements(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = directory / "cluster"
    cluster.mkdir()
    os.chown(cluster, 54321, 54321)
    assert ServerAccount.of(cluster) == OTHER
    assert ServerAccount.of(directory / "none").uid not in {None, 0}
    monkeypatch.setattr("sql.embedded.server_account.FOR_ROOT", ("no-such-account",))
    with pytest.raises(OSError, match="does not run as root, and there is no account named no-such-account"):
        ServerAccount.of(directory / "none")


@as_root
def test_what_somebody_else_put_there_is_refused(directory: Path) -> None:
    ours = directory / "ours"
    ours.touch()
    OTHER.give(ours)
    assert (ours.stat().st_uid, ours.stat().st_gid) == (54321, 54321)
    OTHER.give(ours)
    theirs = directory / "theirs"
    theirs.touch()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(PermissionError, match="theirs is a link or belongs to another account"):
        OTHER.give(theirs)


def test_a_link_is_refused(directory: Path) -> None:
    link = directory / "link"
    link.symlink_to(directory)
    with pytest.raises(PermissionError, match="link is a link or belongs to another account"):
        ServerAccount().give(link)
