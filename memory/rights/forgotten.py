"""What forgetting removes: the answer of a preview, and of the removal itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from memory.vault import Tier

MAX_LISTED: Final = 1000
"""Ids of each kind that an answer lists, at most. The counts are always complete."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The ids of the removed items by tier, and what else changes. False if nothing is removed or changed."""

    removed: Mapping[Tier, Sequence[UUID]] = field(default_factory=dict)
    """Tiers without removed items are left out."""
    restored: Sequence[UUID] = ()
    """Preferences whose earlier value counts again, because the newest one was forgotten."""
    redacted: Sequence[UUID] = ()
    """Episodes that stay, but lose the sentences about a forgotten preference."""
    mentioned: Sequence[UUID] = ()
    """Episodes that stay although they mention what is forgotten, because their messages say something else too."""
    unreadable_by: datetime | None = None
    """When the removed contents can't be decrypted any more in copies of the database either. None: never, because the
    user's key has no key share, or nothing was removed."""

    def __bool__(self) -> bool:
        return bool(self.removed or self.restored or self.redacted)

    @property
    def tiers(self) -> list[Tier]:
        """The tiers that lose items."""
        return list(self.removed)

    @property
    def counts(self) -> dict[Tier, int]:
        """The number of removed items by tier."""
        return {tier: len(ids) for tier, ids in self.removed.items()}
