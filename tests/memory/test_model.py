"""Any sequence of storing, changing, forgetting, erasing and new keys leaves what a plain model in memory has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal
from uuid import UUID, uuid4

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.keys import new_master_key
from sql.pool import open_pool
from sql.tenant import configure_server
from tests.memory.remembering import Memories, WordEmbedder

NAMES = ("Clara", "Lisbon", "boiler", "chess")
Act = tuple[str, int, int]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "tell",
                "tell",
                "retry",
                "prefer",
                "unprefer",
                "edit",
                "remove",
                "forget",
                "erase",
                "user key",
                "master key",
            ]
        ),
        st.integers(0, 1),
        st.integers(0, 3),
    ),
    max_size=10,
)


@dataclass
class Plain:
    """What one person's memory should hold. Episodes map a request to what was said."""

    core: dict[str, str] = field(default_factory=dict)
    episodes: dict[UUID, str] = field(default_factory=dict)
    learned: dict[str, UUID] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_any_sequence_gives_what_a_plain_model_gives(database: str, acts: list[Act]) -> None:
    with TemporaryDirectory() as folder:
        trio.run(_act_and_compare, database, Path(folder), acts)


async def _act_and_compare(database: str, folder: Path, acts: list[Act]) -> None:
    async with open_pool(database, max_size=3, configure=configure_server) as pool:
        keys = [new_master_key()]
        memories = Memories(pool, shares=folder / "shares", embedder=WordEmbedder(), master_keys=keys)
        people = [await memories.person(), await memories.person()]
        plain = {person: Plain() for person in people}
        for what, who, which in acts:
            person = people[who]
            if what == "master key":
                keys = [new_master_key(), *keys]
                memories = Memories(pool, shares=folder / "shares", embedder=WordEmbedder(), master_keys=keys)
                await memories.rekeying.rotate_master_key()
                memories = Memories(pool, shares=folder / "shares", embedder=WordEmbedder(), master_keys=keys[:1])
            elif what == "user key":
                await memories.rekeying.rotate_user_key(person)
            else:
                await _act(memories, person, plain[person], what, which)
        for person in people:
            assert await _held(memories, person) == plain[person]
            for number, name in enumerate(NAMES):
                said = _said(number)
                found = (await memories.middleware.recall(person, name)).associative
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
            await memories.middleware.mutated(person, "update", *task, {"title": NAMES[which], "note": number})
            plain.tasks[task[1]] = {"title": NAMES[which], "note": number}
        case "remove":
            await memories.middleware.mutated(person, "delete", *task, None)
            plain.tasks.pop(task[1], None)
        case "forget" if plain.learned:
            said, request = next(iter(plain.learned.items()))
            (record,) = [record for record in await memories.records(person) if record.get("text") == said]
            assert await memories.middleware.forget(person, UUID(str(record["id"]))) == ["associative", "episodic"]
            del plain.learned[said], plain.episodes[request]
        case "erase":
            await memories.middleware.erase(person)
            for tier in (plain.core, plain.episodes, plain.learned, plain.tasks):
                tier.clear()


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
            case {"source": "episode", "text": str(text), "source_id": str(source)}:
                held.learned[text] = requests[source]
            case {"source": "mutation", "entity_id": str(task), "data": dict(data)}:
                held.tasks[task] = data
            case other:
                raise AssertionError(other)
    return held
