"""The duration of recall and storage, for users with several sizes of memory among the rows of many others."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
import trio

from bench.memories.bulk_load import MODEL, WORDS, Person, Scale, fill, near, text, topics
from bench.memories.environment import Environment, bench_folder, open_environment
from bench.memories.nearest import Asked, measure_nearest
from memory import MemoryLimits
from memory.crypto import Vectors
from memory.maintenance import IndexChange
from memory.recall import Recall
from memory.tiers import AssociativeMemory
from sql.driver import Connection, TrioConnection

SMALL: Final = Scale(users=1_000, sizes=(1_000, 10_000))
LARGE: Final = Scale(users=10_000, sizes=(1_000, 10_000, 100_000, 300_000))

_QUERIES: Final = 200
_WARM_UP: Final = 20
_STORED: Final = 50
_COMPARED: Final = 30
_ASKED_WORDS: Final = 8
_HNSW_FROM: Final = 10_000
_SEGMENTS_FROM: Final = 3_000
_BACKENDS: Final = b"SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


class SyntheticEmbedder:
    """An embedder that takes no time: the vector of a text is a topic plus noise."""

    name: Final = MODEL
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


async def measure_latency(scale: Scale, state: Path | None, *, vacuum: bool = True) -> None:
    """Fill a database, or use the filled one in the folder `state`, and print Markdown tables.

    `vacuum`: see `fill`.
    """
    with bench_folder(state) as folder:
        note = folder / "filled.json"
        described: dict[str, object] = {"users": scale.users, "sizes": list(scale.sizes), "vacuumed": vacuum}
        people = _filled(described, note) or await _fill(scale, folder, note, described, vacuum=vacuum)
        async with open_environment(SyntheticEmbedder(), durable=True, folder=folder) as environment:
            print(f"\n## {scale.memories:,} memories of {scale.users + len(scale.sizes):,} users\n")
            await _print_sizes(environment)
            await _print_times(environment, people)
            asked = [await _asked(environment, size, user_id) for size, user_id in people.items()]
            await measure_nearest(environment.conninfo, asked, MODEL, _HNSW_FROM)


async def _asked(environment: Environment, size: int, user_id: UUID) -> Asked:
    key = await environment.vault.key(user_id)
    vectors = await SyntheticEmbedder().embed_documents([""] * _COMPARED)
    return Asked(user_id, size, list(key.rotation.apply(vectors)))


def _filled(described: Mapping[str, object], note: Path) -> dict[int, UUID]:
    """The measured users by the size of their memory, if a note in the folder says that it was filled."""
    if not note.exists():
        return {}
    found = json.loads(note.read_text())
    if found["scale"] != described:
        raise SystemExit(f"{note.parent} was filled for {found['scale']}: name another folder")
    return {int(size): UUID(user_id) for size, user_id in found["people"].items()}


async def _fill(
    scale: Scale, folder: Path, note: Path, described: Mapping[str, object], *, vacuum: bool
) -> dict[int, UUID]:
    async with open_environment(SyntheticEmbedder(), durable=False, folder=folder) as environment:
        people = []
        for size in scale.sizes:
            user_id = await environment.person()
            people.append(Person(user_id, await environment.vault.key(user_id), size))
        await trio.to_thread.run_sync(partial(fill, environment.conninfo, scale, people, vacuum=vacuum))
    found = {person.size: person.user_id for person in people}
    names = {str(size): str(user_id) for size, user_id in found.items()}
    await trio.Path(note).write_text(json.dumps({"scale": described, "people": names}))
    return found


async def _print_sizes(environment: Environment) -> None:
    print("| table | heap and TOAST | indexes |\n|---|---|---|")
    async with await TrioConnection.connect(environment.conninfo, autocommit=True) as owner:
        cursor = await owner.execute(
            "SELECT relname, pg_size_pretty(pg_table_size(oid)), pg_size_pretty(pg_indexes_size(oid))"
            " FROM pg_class WHERE relname IN ('memory_associative', 'memory_signatures', 'memory_terms')"
        )
        for name, table, indexes in await cursor.fetchall():
            print(f"| `{name}` | {table} | {indexes} |")


async def _print_times(environment: Environment, people: Mapping[int, UUID]) -> None:
    generator = random.Random(4)
    middleware = environment.middleware
    await _print_recall(environment, people)
    print("\n| operation | minimum ms | p50 ms | p95 ms |\n|---|---|---|---|", flush=True)
    for size, user_id in people.items():

        async def store(user_id: UUID = user_id) -> object:
            message, response = text(generator, WORDS), text(generator, WORDS * 3)
            return await middleware.store_episode(user_id, "session", message, response)

        await _print_row(f"`store_episode` until durable, {size:,} memories", store, _STORED)
    started = time.perf_counter()
    enriched = 0
    while count := await middleware.enrichment.run_once():
        enriched += count
    rate = enriched / (time.perf_counter() - started)
    print(f"\nBackground enrichment of these users: {rate:.0f} episodes per second, without the embedding.", flush=True)


async def _print_recall(environment: Environment, people: Mapping[int, UUID]) -> None:
    """The same questions, searched by PostgreSQL and in loaded segments in turn."""
    associative, generator = environment.middleware.associative, random.Random(4)
    # Nothing is loaded here, so PostgreSQL searches.
    in_rows = Recall(environment.vault, AssociativeMemory(environment.vault, SyntheticEmbedder()), MemoryLimits())
    change = IndexChange(environment.vault, associative, segments_from=_SEGMENTS_FROM)
    notes = []
    print(
        "\n| `enrich_context` | searched by | p50 ms | p95 ms | server: p50, p95 ms of CPU |"
        " PostgreSQL: p50, p95 ms of CPU |"
        "\n|---|---|---|---|---|---|",
        flush=True,
    )
    for size, user_id in people.items():
        with environment.vault.keys.holding(user_id):
            started = time.perf_counter()
            change.counted(user_id, size)
            if await change.grown():
                notes.append(f"segments for {size:,} memories built in {time.perf_counter() - started:.1f} s")
            ways = {"PostgreSQL": partial(in_rows.recall, user_id)}
            await in_rows.recall(user_id, "w1")
            started = time.perf_counter()
            if await associative.index_loader.load(user_id):
                notes.append(f"{size:,} memories loaded in {(time.perf_counter() - started) * 1000:.0f} ms")
                ways["the server"] = partial(environment.middleware.enrich_context, user_id)
            async with await TrioConnection.connect(environment.conninfo, autocommit=True) as owner:
                taken = await _taken(owner, ways, [text(generator, _ASKED_WORDS) for _ in range(_QUERIES + _WARM_UP)])
            for name, times in taken.items():
                p50, p95 = np.quantile(np.array(times) * 1000, [0.5, 0.95], axis=0)
                print(
                    f"| {size:,} memories | {name} | {p50[0]:.1f} | {p95[0]:.1f} | {p50[1]:.1f}, {p95[1]:.1f} |"
                    f" {p50[2]:.1f}, {p95[2]:.1f} |",
                    flush=True,
                )
    print("\n" + "\n".join(f"- {note}" for note in notes), flush=True)


async def _taken(
    owner: Connection, ways: Mapping[str, Callable[[str], Awaitable[object]]], questions: Sequence[str]
) -> dict[str, list[tuple[float, float, float]]]:
    """For each way the seconds of each question: until the answer, of this process's CPU, and of PostgreSQL's."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for question in questions:
        for name, ask in ways.items():
            pids = [pid for (pid,) in await (await owner.execute(_BACKENDS)).fetchall()]
            database, own, started = _processor_s(pids), time.process_time(), time.perf_counter()
            await ask(question)
            taken, own = time.perf_counter() - started, time.process_time() - own
            found[name].append((taken, own, _processor_s(pids) - database))
    # The first ones unwrap the key, prepare the statements and warm the caches.
    return {name: times[_WARM_UP:] for name, times in found.items()}


def _processor_s(pids: Sequence[int]) -> float:
    """Seconds of processor time of these processes."""
    total = 0
    for pid in pids:
        path = Path(f"/proc/{pid}/schedstat")
        if path.exists():
            total += int(path.read_text().split()[0])
    return total / 1e9


async def _print_row(name: str, operation: Callable[[], Awaitable[object]], count: int) -> None:
    for _ in range(_WARM_UP):  # unwraps the key, prepares the statements and warms the caches
        await operation()
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        await operation()
        taken.append((time.perf_counter() - started) * 1000)
        await trio.lowlevel.checkpoint()
    p50, p95 = np.quantile(taken, [0.5, 0.95])
    # On a busy machine the minimum is closest to the time of the work itself.
    print(f"| {name} | {min(taken):.1f} | {p50:.1f} | {p95:.1f} |", flush=True)
