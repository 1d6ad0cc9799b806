"""Any sequence of storing, changing, forgetting, erasing and key rotation gives the same result as a simple model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from uuid import UUID, uuid4

import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memory.keys.master import new_master_key
from memory.maintenance.index_build import IndexBuild
from memory.tiers.entities import EntityChange
from sql.pool import open_pool
from sql.tenant import configure_server
from tests.memory.memories import Memories, WordEmbedder

NAMES = ("Clara", "Lisbon", "boiler", "chess")
# Fifteen weeks ago, so that the week of each of the acts is past: a candidate for a habit is kept for 120 days.
FIRST_DAY = datetime.now(UTC) - timedelta(weeks=15)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
Act = tuple[str, int, int]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "tell",
                "tell",
                "habit",
                "habit",
                "say later",
                "retry",
                "prefer",
                "unprefer",
                "edit",
                "edit late",
                "remove",
                "forget",
                "forget habit",
                "forget preference",
                "forget task",
                "erase",
                "user key",
                "master key",
            ]
        ),
        st.integers(0, 1),
        st.integers(0, 3),
    ),
    max_size=14,
)


@dataclass
class Plain:
    """What one person's memory should hold. Episodes map a request to what was said."""

    core: dict[str, str] = field(default_factory=dict)
    episodes: dict[UUID, str] = field(default_factory=dict)
    learned: dict[str, UUID] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    habits: dict[str, int] = field(default_factory=dict)
    """Recurring names, and the number of days on which they occurred."""
    no_habits: set[str] = field(default_factory=set)
    days: int = 0
    gone: set[str] = field(default_factory=set)
    """Tasks that were deleted or forgotten."""
    erased: bool = False

    def note_habit(self, name: str, request: UUID, text: str) -> None:
        if self.erased:
            return  # these days were before the erasure
        self.episodes[request] = text
        self.learned[text] = request
        self.habits[name] = self.habits.get(name, 0) + 1

    def held(self) -> dict[str, Any]:
        """What an export should hold: a habit is one from the third day on."""
        habits = {name: count for name, count in self.habits.items() if count > 2 and name not in self.no_habits}
        return {
            "core": self.core,
            "episodes": self.episodes,
            "learned": self.learned,
            "tasks": self.tasks,
            "habits": habits,
        }


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(acts=[("habit", 0, 2)] * 3)
@given(acts=ACTS)
def test_any_sequence_gives_what_a_plain_model_gives(database: str, acts: list[Act]) -> None:
    with TemporaryDirectory() as folder:
        trio.run(_act_and_compare, database, Path(folder), acts)


async def _act_and_compare(database: str, folder: Path, acts: list[Act]) -> None:
    async with open_pool(database, max_size=3, configure=configure_server) as pool:
        keys = [new_master_key()]
        memories = Memories(pool, shares=folder / "shares", embedder=WordEmbedder(), master_keys=keys, index="both")
        people = [await memories.person()]  # with both indexes
        memories.index = "pgvector"
        people.append(await memories.person())
        plain = {person: Plain() for person in people}
        for what, who, which in acts:
            person = people[who]
            if what == "master key":
                keys = [new_master_key(), *keys]
                memories = Memories(pool, shares=folder / "shares", embedder=WordEmbedder(), master_keys=keys)
                await memories.master_key_rotation.rotate()
                memories = Memories(pool, shares=folder / "shares", embedder=WordEmbedder(), master_keys=keys[:1])
            elif what == "user key":
                await memories.user_key_rotation.rotate(person)
            else:
                await _act(memories, person, plain[person], what, which)
        build = IndexBuild(memories.vault, memories.middleware.associative)
        if await build.begin(people[0], 1):  # a new key has the segments made again
            assert await build.run(people[0])
        assert await memories.loaded(people[0])
        for person in people:
            assert (await _held(memories, person)).held() == plain[person].held()
            for number, name in enumerate(NAMES):
                said = _said(number)
                found = (await memories.middleware.enrich_context(person, name)).associative
                assert (said in {item.text for item in found}) == (said in plain[person].learned)
        assert memories.unreadable == []


def _said(which: int) -> str:
    return f"Something about {NAMES[which]} number{which}."


async def _act(memories: Memories, person: UUID, plain: Plain, what: str, which: int) -> None:
    said = _said(which)
    task: tuple[Literal["task"], str] = ("task", f"t{which}")
    match what:
        case "tell":
            request = await memories.tell(person, said)
            plain.episodes[request] = said
            plain.learned[said] = request
        case "habit":
            # Each on a different day, so that its names become a habit on the third day.
            plain.days += 1
            at = FIRST_DAY + timedelta(weeks=plain.days)
            request, text = uuid4(), f"Ask {NAMES[which].title()}ia about week {plain.days}, part {uuid4().hex}"
            await memories.middleware.store_episode(person, None, text, "", request, at=at)
            await memories.middleware.enrichment.run_once()
            plain.note_habit(f"{NAMES[which].title()}ia", request, text)
        case "say later":
            # Said before the rest and enriched with the next episode. Forgetting and erasing must find it.
            request = uuid4()
            await memories.middleware.store_episode(person, None, said, "", request)
            plain.episodes[request] = said
            await memories.middleware.enrichment.run_once()
            plain.learned[said] = request
        case "retry" if plain.episodes:
            await memories.middleware.store_episode(person, None, "again", "", next(iter(plain.episodes)))
        case "prefer":
            await memories.middleware.update_core(person, NAMES[which], said)
            plain.core[NAMES[which]] = said
        case "unprefer":
            assert await memories.middleware.delete_core(person, NAMES[which]) == (NAMES[which] in plain.core)
            plain.core.pop(NAMES[which], None)
        case "edit":
            number = str(uuid4())
            await memories.change(person, "update", *task, {"title": NAMES[which], "note": number})
            plain.tasks[task[1]] = {"title": NAMES[which], "note": number}
        case "edit late":
            # A change with the oldest time that arrives only now. It overwrites nothing.
            late = EntityChange("update", *task, {"title": "late"}, EPOCH)
            await memories.middleware.changed(person, [late])
            if task[1] not in plain.tasks and (task[1] not in plain.gone) and not plain.erased:
                plain.tasks[task[1]] = {"title": "late"}
        case "remove":
            await memories.change(person, "delete", *task, None)
            plain.tasks.pop(task[1], None)
            plain.gone.add(task[1])
        case "forget" | "forget habit" | "forget preference" | "forget task":
            await _forget(memories, person, plain, what)
        case "erase":
            await memories.middleware.erase(person)
            for tier in (plain.core, plain.episodes, plain.learned, plain.tasks, plain.habits):
                tier.clear()
            plain.no_habits.clear()
            plain.gone.clear()
            plain.erased = True


async def _forget(memories: Memories, person: UUID, plain: Plain, what: str) -> None:
    match what:
        case "forget" if plain.learned:
            text = next(iter(plain.learned))
            item = await _item(memories, person, "text", text)
            tiers = (await memories.middleware.forget(person, item)).tiers
            assert tiers[:2] == ["associative", "episodic"]
            _forget_saying(plain, text)
        case "forget habit" if plain.held()["habits"]:
            name = next(iter(plain.held()["habits"]))
            item = await _item(memories, person, "pattern", f"Often mentions {name}.")
            assert (await memories.middleware.forget(person, item)).tiers == ["proactive"]
            plain.no_habits.add(name)
        case "forget preference" if plain.core:
            name = next(iter(plain.core))
            item = await _item(memories, person, "key", name)
            assert (await memories.middleware.forget(person, item)).tiers == ["core"]
            del plain.core[name]
        case "forget task" if plain.tasks:
            name = next(iter(plain.tasks))
            item = await _item(memories, person, "entity_id", name)
            assert (await memories.middleware.forget(person, item)).tiers == ["associative"]
            del plain.tasks[name]
            plain.gone.add(name)


async def _item(memories: Memories, person: UUID, part: str, value: str) -> UUID:
    (record,) = [record for record in await memories.records(person) if record.get(part) == value]
    return UUID(str(record["id"]))


def _forget_saying(plain: Plain, text: str) -> None:
    """Remove a memory with all episodes that said it, and one day of each of their names."""
    del plain.learned[text]
    for request, said in list(plain.episodes.items()):
        if said == text:
            del plain.episodes[request]
    if text.startswith("Ask "):
        plain.habits[text.split()[1]] -= 1


async def _held(memories: Memories, person: UUID) -> Plain:
    held = Plain()
    requests: dict[str, UUID] = {}
    for record in await memories.records(person):
        match record:
            case {"tier": "core", "key": str(key), "value": str(value)}:
                held.core[key] = value
            case {"tier": "episodic", "id": str(id_), "request_id": str(request), "message": str(message)}:
                held.episodes[UUID(request)] = message
                requests[id_] = UUID(request)
            case {"tier": "conversation", "source_id": str(source)}:
                assert source in requests  # a title goes with the exchange that it was made from
            case {"source": "episode", "text": str(text), "source_id": str(source)}:
                held.learned[text] = requests[source]
            case {"source": "mutation", "entity_id": str(task), "data": dict(data)}:
                held.tasks[task] = data
            case {"tier": "proactive", "pattern": str(text), "confidence": float(confidence)}:
                held.habits[text.split()[-1].rstrip(".")] = round(2 * confidence / (1 - confidence))
            case other:
                raise AssertionError(other)
    return held
