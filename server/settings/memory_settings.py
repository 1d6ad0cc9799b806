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
    memory_segments_from: int = Field(
        3_000,
        ge=0,
        description="with TESSERA_MEMORY_INDEX=pgvector: number of memories from which a user also gets encrypted"
        " segments, which the server loads and searches in its own memory; 0: no user does",
    )
    memory_index_bytes: int = Field(
        256 * 1024 * 1024,
        ge=0,
        description="maximum size of the loaded segments of all users in the server's memory, in bytes; over it, those"
        " that were used longest ago are evicted, and PostgreSQL searches if it can",
    )
