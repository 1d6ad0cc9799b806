"""Recall: finds the memories that are relevant to a message, in one round trip to the database."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
import trio

from memory.crypto import AskedTerms, Cipher, Unreadable, Vectors
from memory.embedding import CalibratedEmbedder, passage
from memory.keys import UserKey
from memory.limits import MemoryLimits
from memory.preferences import compile_rules, rules_compiled
from memory.recall.foreign import LOWEST_FLOOR, alternated, in_other_languages
from memory.recall.index_search import IndexSearch, Pending
from memory.recall.newer import newest_first
from memory.recall.past import past_range
from memory.recall.recalled import Found, KnownPattern, Recalled
from memory.recall.search import MAX_QUERY_TERMS, Floor, Hit, MultilingualQuery, Ranking, SearchQuery
from memory.text import shown, shown_title, without_stamp
from memory.tiers import (
    AssociativeMemory,
    Content,
    CoreMemory,
    EpisodicMemory,
    Manifest,
    ProactiveMemory,
    fits,
    last_turn,
    useful_previous_turn,
)
from memory.vault import Vault
from person import StatedLocale, remembered_locale, resolve_locale
from sql.driver import Connection, Cursor

logger = logging.getLogger(__name__)

# Patterns of times are filtered after decryption: an agent has at most 32.
_MAX_PATTERNS: Final = 400
_PER_SESSION: Final = 2
"""Memories of one conversation that are recalled. The exchanges next to them are recalled by their summaries."""
_WHOLE_RANGE_WEIGHT: Final = 20.0
"""More than all other parts of a score together."""
_NEWEST: Final[Mapping[str, object]] = {"before_at": None, "before_id": None, "limit": 1}


@dataclass(frozen=True, slots=True)
class _Queued:
    """The statements of one recall, in a pipeline. Their rows can be read when the transaction has ended."""

    asked: AskedTerms
    core: Cursor
    episodic: Cursor
    proactive: Cursor


class Recall:
    """Reads the four tiers."""

    def __init__(self, vault: Vault, store: AssociativeMemory, limits: MemoryLimits) -> None:
        self._vault = vault
        self._store = store
        self._limits = limits
        self._core = CoreMemory(vault)
        self._episodic = EpisodicMemory(vault)
        self._proactive = ProactiveMemory(vault)
        self._index = IndexSearch(vault, store.segments, store.index_loader)

    async def recall(
        self,
        user_id: UUID,
        message: str,
        locales: Sequence[StatedLocale] = (),
        at: datetime | None = None,
        conversation_id: str | None = None,
    ) -> Recalled:
        """The memories that are relevant to `message` at the time `at` (None: now) in this conversation.

        `locales`: what is known of the person's time zone apart from their preferences, the most certain first.
        The message is embedded before a connection is taken. Raises like `Vault.key`, and the database's errors.
        """
        at = at or datetime.now(UTC)
        said = without_stamp(message)
        if self._store.embedder is not None and conversation_id is not None:
            vector = await self._embed(passage(said, await self._previous(user_id, conversation_id, said)))
        elif self._store.embedder is None or self._vault.keys.cached(user_id) is not None:
            vector = await self._embed(said)
        else:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._fetch_key, user_id)
                vector = await self._embed(said)
        past = past_range(said, locales, at)

        async def queue(connection: Connection, key: UserKey, fresh: bool) -> tuple[Pending, _Queued]:
            asked = key.terms.asked(said if past is None else past.rest, MAX_QUERY_TERMS)
            query = self._query(key, asked, vector, _PER_SESSION)
            if past is not None:
                query = replace(query, said=past.range, whole_range=past.whole)
                if past.whole:
                    query = replace(query, ranking=replace(query.ranking, range_weight=_WHOLE_RANGE_WEIGHT))
            names = self._proactive.context_values(key, message)
            found = await self._index.queue(connection, key, query, self._limits.top_k, fresh=fresh)
            return found, await self._queue(connection, user_id, asked, names)

        key, hits, queued = await self._index.consistent(user_id, queue)
        core = self._core.read(key, await queued.core.fetchall())
        preferences = {name: value for _, name, value in core}
        local = at.astimezone(resolve_locale(*locales, remembered_locale(preferences)).calendar.zone)
        episodic = self._episodic.read(key.cipher, await queued.episodic.fetchall())
        shown = {item.id for item in episodic}
        found = self._found(key.cipher, said, hits, self._limits.top_k, queued.asked, shown)
        if found and not rules_compiled():
            await trio.to_thread.run_sync(compile_rules)
        return Recalled(
            core=core,
            associative=newest_first(found, preferences),
            episodic=episodic,
            proactive=self._patterns(key, await queued.proactive.fetchall(), local),
            semantic=vector is not None,
        )

    async def search(
        self,
        user_id: UUID,
        message: str,
        limit: int,
        floor: Floor | None = None,
        ranking: Ranking | None = None,
    ) -> list[Found]:
        """Search the associative tier only, for at most `limit` memories: for benchmarks. Raises like `recall`.

        `floor`, `ranking`: None means those of the server.
        """
        said = without_stamp(message)
        vector = await self._embed(said)

        async def queue(connection: Connection, key: UserKey, fresh: bool) -> tuple[Pending, AskedTerms]:
            asked = key.terms.asked(said, MAX_QUERY_TERMS)
            query = self._query(key, asked, vector)
            query = replace(query, floor=floor or query.floor, ranking=ranking or query.ranking)
            return await self._index.queue(connection, key, query, limit, fresh=fresh), asked

        key, hits, asked = await self._index.consistent(user_id, queue)
        return self._found(key.cipher, said, hits, limit, asked)

    def _query(
        self,
        key: UserKey,
        asked: AskedTerms,
        vector: Vectors | None,
        per_session: int | None = None,
    ) -> SearchQuery:
        embedder = self._store.embedder
        query = SearchQuery(asked.terms, words=asked.words, per_session=per_session)
        if vector is None or embedder is None:
            return query
        query = replace(
            query,
            vector=key.rotation.apply(vector),
            embedding_model=embedder.name,
            floor=Floor(cosine=embedder.cosine_floor),
        )
        if not isinstance(embedder, CalibratedEmbedder):
            return query
        calibration, multilingual = embedder.calibration, None
        if calibration.multilingual is not None:
            alone = np.where(np.arange(len(vector)) < calibration.multilingual.start, 0, vector)
            share = np.sqrt(calibration.multilingual.share)
            rotated = key.rotation.apply(np.asarray(alone / share, np.float32))
            multilingual = MultilingualQuery(rotated, LOWEST_FLOOR * float(share))
        floor = replace(
            query.floor,
            coverage_weight=calibration.coverage_weight,
            spread_weight=calibration.spread_weight,
            usual_spread=calibration.usual_spread,
        )
        return replace(query, floor=floor, multilingual=multilingual, also_model=calibration.earlier_model)

    async def _previous(self, user_id: UUID, conversation_id: str, message: str) -> str | None:
        """The turn before `message` in its conversation, in the form that a memory embeds. None: it is the first."""
        values = {"user_id": user_id, "conversation_id": conversation_id, **_NEWEST}

        async def queue(connection: Connection, _: UserKey) -> Cursor:
            return await connection.execute(self._vault.statements["conversation_exchanges"], values)

        key, cursor = await self._vault.consistent(user_id, queue)
        for id_, _, _, token, _ in await cursor.fetchall():
            with suppress(Unreadable):
                return useful_previous_turn(message, last_turn(self._episodic.read_exchange(key.cipher, id_, token)))
        return None

    async def _fetch_key(self, user_id: UUID) -> None:
        """Have the user's key cached, so that the tiers are read in one round trip."""
        # A boundary: reading the tiers asks for the key again, and raises what prevents it.
        with suppress(Exception):
            await self._vault.key(user_id)

    async def _embed(self, text: str) -> Vectors | None:
        if self._store.embedder is None:
            return None
        vector = None
        try:
            with trio.move_on_after(self._limits.embed_query_s) as deadline:
                vector = np.asarray(await self._store.embedder.embed_query(text), np.float32)
        # Error boundary of the embedding model, which may be a remote server: the search goes on with words only.
        except Exception as error:  # noqa: BLE001
            logger.warning("embedding a message failed, so the search uses words only: %s", type(error).__name__)
            return None
        if deadline.cancelled_caught:
            logger.warning(
                "embedding a message took over %g s, so the search uses words only", self._limits.embed_query_s
            )
        return vector

    async def _queue(
        self,
        connection: Connection,
        user_id: UUID,
        asked: AskedTerms,
        names: Mapping[str, object],
    ) -> _Queued:
        """Queue the statements of all tiers, so that one round trip reads them together with the user's key."""
        statements, limits = self._vault.statements, self._limits
        values = {"user_id": user_id}
        decaying = {
            "half_life_days": limits.pattern_half_life_days,
            "threshold": limits.pattern_threshold,
            "limit": _MAX_PATTERNS,
            **names,
        }
        return _Queued(
            asked,
            core=await connection.execute(statements["core_all"], values),
            episodic=await connection.execute(statements["episodes_recent"], values | {"limit": limits.episodes}),
            proactive=await connection.execute(statements["proactive_active"], values | decaying),
        )

    def _found(
        self,
        cipher: Cipher,
        question: str,
        hits: Sequence[Hit],
        limit: int,
        asked: AskedTerms,
        shown: Collection[UUID] = (),
    ) -> list[Found]:
        """The readable hits, at most `limit`; of those below the floor only the ones in another language.

        The exchanges next to them are left out if they are in `shown`, or are hits themselves.
        """
        readable: list[tuple[Hit, Content]] = []
        for hit in hits:
            with suppress(Unreadable):
                readable.append((hit, self._store.read(cipher, hit.content_digest, hit.content_encrypted)))
        found = alternated(
            [one for one in readable if one[0].multilingual_cosine is None], self._foreign(question, readable), limit
        )
        known = {*shown, *(hit.source_id for hit, _ in found)}
        return [
            Found(
                id=hit.memory_id,
                text=content.text,
                when=content.when,
                entity=(hit.entity_type, hit.entity_id) if hit.entity_type and hit.entity_id else None,
                words=list(dict.fromkeys(asked.written[term] for term in hit.matched)),
                bm25=hit.bm25,
                cosine=hit.cosine,
                rank=rank,
                exact=hit.exact,
                message=content.message,
                answer=content.answer,
                title=_title(hit, content),
                before=self._beside(cipher, hit.beside[0], known),
                after=self._beside(cipher, hit.beside[1], known),
            )
            for rank, (hit, content) in enumerate(found, start=1)
        ]

    def _foreign(self, question: str, readable: Sequence[tuple[Hit, Content]]) -> list[tuple[Hit, Content]]:
        """Those below the floor that are in another language than the question."""
        embedder = self._store.embedder
        if all(hit.multilingual_cosine is None for hit, _ in readable):
            return []
        if not isinstance(embedder, CalibratedEmbedder) or embedder.calibration.multilingual is None:
            return []
        share = embedder.calibration.multilingual.share
        hits = [
            ((hit, content), content.text, hit.multilingual_cosine / share**0.5)
            for hit, content in readable
            if hit.multilingual_cosine is not None
        ]
        return in_other_languages(question, hits, readable[0][0].vectors if readable else 0)

    def _beside(
        self, cipher: Cipher, exchange: tuple[UUID, bytes] | None, known: set[UUID | None]
    ) -> tuple[UUID, str] | None:
        """The id and the summary of an exchange, once: it is added to `known`."""
        if exchange is not None and exchange[0] not in known:
            known.add(exchange[0])
            with suppress(Unreadable):
                return exchange[0], self._episodic.read_summary(cipher, *exchange)[0]
        return None

    def _patterns(self, key: UserKey, rows: Sequence[tuple[Any, ...]], at: datetime) -> list[KnownPattern]:
        """The patterns that fit the local time `at`, the most confident first."""
        manifest, found = Manifest.of(self._vault, key, "proactive", rows), []
        for id_, pattern_digest, token, source, _, confidence, _ in rows:
            with suppress(Unreadable):
                pattern = self._proactive.unsealed(key, manifest, pattern_digest, token)
                if fits(pattern["identity"], at):
                    found.append(KnownPattern(id_, pattern["text"], confidence, source))
        return found[: self._limits.patterns]


def _title(hit: Hit, content: Content) -> str | None:
    if hit.entity_id is not None:
        return shown_title(content.data)
    if hit.source == "episode" and content.message is None:
        # Earlier releases did not store who said what: the text begins with the person's message.
        first, _, rest = content.text.strip().partition("\n")
        return shown(f"{first.rstrip()} …" if rest and first.rstrip()[-1:].isalnum() else first) or None
    return None
