"""How long recalling and storing take, for users of several sizes among the rows of many others."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
import trio

from bench.memories.filling import WORDS, Person, Scale, fill, near, text, topics
from bench.memories.setting import Setting, open_setting
from memory.ranking import Ranking
from memory.rotation import Vectors
from memory.search import SearchQuery, search
from sql.connection import TrioConnection
from sql.tenant import scoped

SMALL: Final = Scale(users=1_000, sizes=(1_000, 10_000))
LARGE: Final = Scale(users=10_000, sizes=(1_000, 10_000, 100_000))

_QUERIES: Final = 200
_WARM_UP: Final = 20
_CHECKED: Final = 100
_STORED: Final = 100


class SyntheticEmbedder:
    """Takes no time: a text's vector is that of one of the topics and some noise."""

    name: Final = "synthetic"
    dimensions: Final = 384
    cosine_floor: Final = 0.62

    def __init__(self) -> None:
        self._random = np.random.default_rng(3)
        self._topics = topics()

    async def embed_query(self, text: str) -> Vectors:
        """See `Embedder`."""
        vectors = await self.embed_documents([text])
        return np.asarray(vectors[0], np.float32)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        return near(self._topics, self._random, len(texts))


async def measure_latency(scale: Scale, state: Path | None) -> None:
    """Fill a database, or take the one that was filled in the folder `state`, and print a Markdown table."""
    async with open_setting(SyntheticEmbedder(), durable=False, folder=state) as setting:
        people = await _people(setting, scale, state)
    if state is None:
        raise ValueError("a folder is needed")
    async with open_setting(SyntheticEmbedder(), durable=True, folder=state) as setting:
        await _measure(setting, scale, people)


async def _people(setting: Setting, scale: Scale, state: Path | None) -> Mapping[int, UUID]:
    """The measured users by their sizes; filled when the folder has no note that they were."""
    note = state / "filled.json" if state is not None else None
    wanted = {"users": scale.users, "sizes": list(scale.sizes)}
    if note is not None and note.exists():
        found = json.loads(note.read_text())
        if found["scale"] != wanted:
            raise SystemExit(f"{state} was filled for {found['scale']}, not {wanted}: name another folder")
        return {int(size): UUID(user_id) for size, user_id in found["people"].items()}
    people = []
    for size in scale.sizes:
        user_id = await setting.person()
        people.append(Person(user_id, await setting.vault.key(user_id), size))
    await trio.to_thread.run_sync(fill, setting.conninfo, scale, people)
    if note is not None:
        note.write_text(json.dumps({"scale": wanted, "people": {p.size: str(p.user_id) for p in people}}))
    return {person.size: person.user_id for person in people}
