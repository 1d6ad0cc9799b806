"""The newest revisions that a process has seen."""

from __future__ import annotations

from memory.crypto.revisions import NewestRevisions


def test_an_older_revision_is_noticed_a_minute_after_a_newer_one() -> None:
    now = 0.0
    newest = NewestRevisions(lambda: now)
    assert not newest.is_older("ann", 5)
    assert not newest.is_older("ann", 5)
    assert not newest.is_older("ann", 4), "a read that began before the newer one was committed"
    now = 60.0
    assert newest.is_older("ann", 4)
    assert not newest.is_older("ann", 5)
    assert not newest.is_older("ben", 1)
    assert not newest.is_older("ann", 6)
    assert not newest.is_older("ann", 5)
