"""What a server knows about the others of its database, as a test says it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import trio


@dataclass
class KnownServers:
    """Implements `server.kept.Servers`. `lost` has the ids of the servers that are gone."""

    lost: Collection[UUID] = frozenset()
    server_id: UUID = field(default_factory=uuid4)
    alone: bool = True

    async def is_lost(self, server_id: UUID) -> bool:
        await trio.lowlevel.checkpoint()
        return server_id in self.lost
