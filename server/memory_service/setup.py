"""Opens memory from the settings: keys, the embedding model, and the model that summarises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import structlog

from agents.model import Model
from memory import MemoryLimits, MemoryMiddleware, MissingKeyShare, Vault, WrongMasterKey
from memory.delivery import ChangeLog
from memory.embedding import (
    Embedder,
    EmbeddingEndpoint,
    EmbeddingError,
    HttpEmbedder,
    LocalEmbedder,
    LocalEmbeddingsNotInstalled,
)
from memory.embedding.model import ModelMissing, model_folder, multilingual_folder
from memory.enrichment import Enrichment
from memory.keys import FolderShares, KeyRing, UserKeys
from memory.maintenance import Expiry, IndexChange, KeyRenewal, KeysDoNotFit, KeyUpkeep, check_keys
from memory.segments import IndexLoader, LoadedIndexes
from memory.tiers import AssociativeMemory
from server.memory_service.description import describer
from server.settings import Settings
from server.telemetry import Metrics
from sql.pool import Pool
from sql.statements import Statements

log = structlog.get_logger(__name__)

_SHARES_FOLDER: Final = "key-shares"
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class OpenMemory:
    """Opened memory. Start `run` of all parts with one in the server's nursery.

    `description` is for the banner.
    """

    middleware: MemoryMiddleware
    upkeep: KeyUpkeep
    renewal: KeyRenewal
    index_change: IndexChange
    index_loader: IndexLoader
    expiry: Expiry
    description: str


def user_keys(settings: Settings, master_keys: Sequence[str]) -> UserKeys:
    """The users' keys, encrypted with these master keys, with key shares if the settings have a folder for them."""
    folder = shares_folder(settings)
    keyring = KeyRing(master_keys, refuse_unbound=settings.refuse_unbound_keys)
    return UserKeys(keyring, FolderShares(folder) if folder is not None else None)


def shares_folder(settings: Settings) -> Path | None:
    """The folder of key shares: that of the settings, or one in the state folder. None: no key shares.

    The state folder is used if the database or the master key is in it, so that it must be kept anyway. Otherwise it
    may be temporary, or differ between the servers of the database: then shares in it would be lost.
    """
    if settings.key_shares_dir is not None:
        return settings.key_shares_dir
    if settings.database_url is None or not settings.master_keys:
        return settings.state_dir / _SHARES_FOLDER
    return None


async def open_memory(
    settings: Settings,
    pool: Pool,
    statements: Statements,
    keys: UserKeys,
    client: httpx.AsyncClient,
    metrics: Metrics,
    describing_model: Model | None,
    working_for: Callable[[UUID], AbstractContextManager[None]] | None = None,
) -> OpenMemory:
    """Memory on an open database. Raises `KeysDoNotFit`."""
    vault = Vault(pool, statements, keys, metrics.memory_index.unreadable, settings.memory_index)
    unbound = await check_keys(vault)
    if unbound:
        log.warning(
            "unbound_user_keys",
            checked_users=unbound,
            meaning="a person who can write to the database can use another user's key with their own account",
            advice="stop servers of earlier releases, then run `python -m server rotate-master-key`",
        )
    if shares_folder(settings) is None:
        log.warning(
            "no_key_shares",
            reason="TESSERA_DATABASE_URL and TESSERA_MASTER_KEYS are set, so the state folder may be temporary, or"
            " differ between servers",
            meaning="erased memory stays readable in backups of the database",
            advice="set TESSERA_KEY_SHARES_DIR before the first user registers",
        )
    embedder, description = await open_embedder(settings, client)
    limits = MemoryLimits(
        top_k=settings.memory_top_k,
        episodes=settings.memory_episodes,
        pattern_threshold=settings.memory_pattern_threshold,
        stored_memories=settings.max_memories_per_user,
        stored_bytes=settings.max_stored_bytes_per_user,
        devices=settings.max_devices_per_user,
        device_keep_s=settings.device_keep_days * _DAY_S,
    )
    loaded = LoadedIndexes(settings.memory_index_bytes)
    metrics.memory_index.watch(lambda: loaded.size)
    associative = AssociativeMemory(vault, embedder, loaded=loaded)
    describe = describer(describing_model, metrics) if describing_model is not None else None
    enrichment = Enrichment(vault, associative, limits, describe, metrics.enriched, working_for)
    metrics.watch_enrichment(lambda: enrichment.waiting)
    change_log = ChangeLog(vault, keep=settings.changes_keep, keep_s=settings.changes_keep_days * _DAY_S)
    expiry = Expiry(pool, statements, device_keep_s=limits.device_keep_s)
    index_change = IndexChange(
        vault,
        associative,
        metrics.memory_index.changed,
        segments_from=settings.memory_segments_from,
        on_built=metrics.memory_index.built,
    )
    middleware = MemoryMiddleware(
        vault,
        embedder,
        limits=limits,
        enrichment=enrichment,
        change_log=change_log,
        associative=associative,
        on_counted=index_change.counted,
    )
    return OpenMemory(
        middleware,
        KeyUpkeep(vault),
        KeyRenewal(vault),
        index_change,
        associative.index_loader,
        expiry,
        description,
    )


async def open_embedder(settings: Settings, client: httpx.AsyncClient) -> tuple[Embedder | None, str]:
    """(embedder, its description for the banner): the API of the settings, else the local model, else None."""
    if settings.embedding_url is not None and settings.embedding_model_name is not None:
        endpoint = EmbeddingEndpoint(
            settings.embedding_model_name,
            settings.embedding_url,
            settings.embedding_key,
            dimensions=settings.embedding_dimensions,
            ask_dimensions=settings.embedding_ask_dimensions,
        )
        return HttpEmbedder(client, endpoint), f"words and meaning ({endpoint.name} at {endpoint.url})"
    try:
        embedder = await LocalEmbedder.load(model_folder(settings.state_dir), multilingual_folder(settings.state_dir))
    except LocalEmbeddingsNotInstalled as error:
        log.info("no_embedding_model", reason=str(error))
        return None, f"words only; {error}"
    except (ModelMissing, EmbeddingError) as error:
        log.info("no_embedding_model", reason=str(error))
        return None, "words only; run `python -m memory fetch-model` to search by meaning too"
    return embedder, f"words and meaning ({embedder.name})"


KEY_FAULTS: Final = (KeysDoNotFit, WrongMasterKey, MissingKeyShare)
"""Errors of users' keys that do not decrypt. An operator can fix them."""
