"""The settings of the index that memories are searched in."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class MemoryIndexSettings(BaseModel):
    """The part of the configuration that is about the index of memories; see `server.settings.Settings`."""

    memory_index: Literal["pgvector", "sealed"] = Field(
        "pgvector",
        description="index that searches memories: pgvector (in PostgreSQL) or sealed (encrypted segments, searched by"
        " the server); all servers of a database need the same value",
    )
    memory_index_bytes: int = Field(
        256 * 1024 * 1024,
        ge=0,
        description="maximum size of the sealed indexes of all users in the server's memory, in bytes; over it, the one"
        " that was used longest ago is evicted",
    )
