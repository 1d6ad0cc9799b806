"""The memory under measurement: the real middleware on a separate embedded PostgreSQL."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import trio

from memory import MemoryLimits, MemoryMiddleware, Vault
from memory.crypto import Vectors
from memory.embedding import CalibratedEmbedder, Embedder
from memory.keys import KeyRing, UserKeys, new_master_key
from memory.recall import Recall
from sql.embedded import EmbeddedPostgres
from sql.migrate import migrate
from sql.pool import open_pool
from sql.statements import Statements
from sql.tenant import configure_server, scoped


@dataclass(frozen=True, slots=True)
class Environment:
    """The memory and its database. `conninfo` is for the owner of the tables, who sees every row."""

    conninfo: str
    vault: Vault
    middleware: MemoryMiddleware
    recall: Recall

    async def person(self) -> UUID:
        """A new user with a key."""
        user_id = uuid4()
        key = await self.vault.keys.make(user_id)
        values = {
            "user_id": user_id,
            "email": f"{user_id}@example.com",
            "password_hash": "none",
            "encryption_key": key.stored,
        }
        async with scoped(self.vault.pool, user_id) as connection:
            await connection.execute(self.vault.statements["user_insert"], values)
        return user_id


@asynccontextmanager
async def open_environment(
    embedder: Embedder | None, *, durable: bool, folder: Path | None = None, limits: MemoryLimits | None = None
) -> AsyncIterator[Environment]:
    """Open memory in `folder`, or in a temporary folder. `durable=False` never waits for the disk: use it to fill.

    The master key of a kept folder is stored next to its database. That is safe, because all data is made up.
    """
    with bench_folder(folder) as place:
        server = EmbeddedPostgres(place / "postgres", durable=durable)
        try:
            conninfo = await trio.to_thread.run_sync(server.start)
            await migrate(conninfo)
            async with open_pool(conninfo, max_size=4, configure=configure_server) as pool:
                vault = Vault(pool, Statements.load(), UserKeys(KeyRing([_master_key(place)]), None))
                limits = limits or MemoryLimits()
                middleware = MemoryMiddleware(vault, embedder, limits=limits)
                yield Environment(conninfo, vault, middleware, Recall(vault, middleware.associative, limits))
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(server.stop)


@contextmanager
def bench_folder(kept: Path | None) -> Iterator[Path]:
    """A folder that other accounts may traverse, because PostgreSQL does not run as root."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        kept.chmod(0o711)
        yield kept
        return
    folder = Path(tempfile.mkdtemp(prefix="tessera-bench-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _master_key(folder: Path) -> str:
    path = folder / "master.key"
    if not path.exists():
        path.write_text(new_master_key())
        path.chmod(0o600)
    return path.read_text()


class Remembering:
    """An `Embedder` that caches the vectors of another, so that a text measured twice is embedded once."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[tuple[str, str], Vectors] = {}
        self.name = embedder.name
        self.dimensions = embedder.dimensions
        self.cosine_floor = embedder.cosine_floor
        if isinstance(embedder, CalibratedEmbedder):
            self.calibration = embedder.calibration

    async def embed_query(self, text: str) -> Vectors:
        """See `Embedder`."""
        known = self._known.get(("query", text))
        if known is None:
            known = self._known["query", text] = await self._embedder.embed_query(text)
        return known

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder`."""
        new = list({text: None for text in texts if ("document", text) not in self._known})
        if new:
            for text, vector in zip(new, await self._embedder.embed_documents(new), strict=True):
                self._known["document", text] = vector
        return np.stack([self._known["document", text] for text in texts])
