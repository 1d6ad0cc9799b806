"""The benchmark of memory: odd corpora are read, written and asked about as they come."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import psycopg
import pytest
import trio

import bench.memories.latency
from bench.memories.bulk_load import ROUNDS, Person, Scale, fill
from bench.memories.comparison import Configuration, difference
from bench.memories.corpus import read_corpus
from bench.memories.environment import Environment, Remembering, bench_folder, open_environment
from bench.memories.latency import SyntheticEmbedder, measure_latency
from bench.memories.quality import BLIND, CLEAR, FUSED, Report, Tally, measure_quality
from bench.memories.stored import write
from bench.memories.strangers import small_talk
from bench.memory import until_told
from memory.crypto.rotation import Vectors
from memory.limits import MemoryLimits
from memory.recall import Floor
from memory.recall.recall import Recall
from sql.driver import TrioConnection
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder

SESSIONS = {
    "conv": "odd",
    "items": [
        {"id": "D1:1", "session": "s1", "speaker": "Ann", "ts": "1:56 pm on 8 May, 2023", "text": "Have you a dog?"},
        {
            "id": "D1:2",
            "session": "s1",
            "speaker": "Bea",
            "ts": None,
            "text": "Yes, Biscuit, a spaniel 🐕 from Zürich.",
        },
        {"id": "D1:3", "session": "s1", "speaker": "user", "text": ""},
        {"id": "D1:3", "session": "s1", "speaker": "user", "ts": "yesterday", "text": "The ficus wants water."},
        {"id": 7, "session": "s2", "speaker": None, "ts": 1_700_000_000, "text": "the ficus wants water"},
        {
            "id": 8,
            "session": "s2",
            "speaker": "assistant",
            "ts": "2023-11-15T10:00:00Z",
            "text": "Water wants the ficus!",
        },
        {"id": 9, "ts": 1e40, "text": "東京へ行きました \ud800"},
        {"id": 10, "session": "s3", "text": None},
    ],
    "queries": [
        {"id": "q1", "q": "What is the name of Bea's dog?", "gold": ["D1:2"], "gold_level": "turn"},
        {"id": "q2", "q": "Who waters the ficus?", "gold": [8], "gold_level": "turn"},
        {"id": "q3", "q": "spaniel", "gold": ["s1"], "gold_level": "session"},
        {"id": "q4", "q": "東京", "gold": 9},
        {"id": "q5", "q": "nothing", "gold": []},
        {"id": "q6", "q": "?", "gold": ["D1:1"]},
    ],
}


def corpus(path: Path, *conversations: object, gzipped: bool = True) -> Path:
    text = "".join(json.dumps(one) + "\n\n" for one in conversations)
    path.write_bytes(gzip.compress(text.encode()) if gzipped else text.encode())
    return path


@pytest.mark.parametrize("far", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31"])
def test_a_time_that_no_database_keeps_is_none(tmp_path: Path, far: str) -> None:
    items = [{"id": 1, "ts": far, "text": "a"}, {"id": 2, "ts": "2023-05-08", "text": "b"}]
    (conversation,) = read_corpus(corpus(tmp_path / "c", {"items": items}))
    assert [item.when and item.when.year for item in conversation.items] == [None, 2023]


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_corpus_is_read_as_it_comes(tmp_path: Path, gzipped: bool) -> None:
    (conversation,) = read_corpus(corpus(tmp_path / "c", SESSIONS, gzipped=gzipped))
    assert [item.id for item in conversation.items] == ["D1:1", "D1:2", "D1:3", "D1:3", "7", "8", "9", "10"]
    assert [item.session for item in conversation.items] == ["s1"] * 4 + ["s2"] * 2 + [None, "s3"]
    assert conversation.items[0].text == "Ann: Have you a dog?"
    assert conversation.items[3].text == "The ficus wants water."
    assert conversation.items[6].text == "東京へ行きました ?"
    may, tick = datetime(2023, 5, 8, 13, 56, tzinfo=UTC), timedelta(microseconds=1)
    assert [item.when for item in conversation.items[:4]] == [may + number * tick for number in range(4)]
    assert conversation.items[4].when == datetime.fromtimestamp(1_700_000_000, UTC) + 4 * tick
    assert conversation.items[6].when == datetime(2023, 11, 15, 10, tzinfo=UTC) + 6 * tick
    assert [(query.text, query.level) for query in conversation.queries][2:4] == [
        ("spaniel", "session"),
        ("東京", "turn"),
    ]
    assert [sorted(query.gold) for query in conversation.queries] == [["D1:2"], ["8"], ["s1"], ["9"], ["D1:1"]]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2023/05/20 (Sat) 02:21", datetime(2023, 5, 20, 2, 21, tzinfo=UTC)),
        ("2023-05-20", datetime(2023, 5, 20, tzinfo=UTC)),
        ("20 May 2023", datetime(2023, 5, 20, tzinfo=UTC)),
        ("May 20, 2023", datetime(2023, 5, 20, tzinfo=UTC)),
        ("Sat, 20 May 2023 02:21:00 +0200", datetime(2023, 5, 20, 0, 21, tzinfo=UTC)),
        ("1684548060", datetime(2023, 5, 20, 2, 1, tzinfo=UTC)),
        (1684548060000, datetime(2023, 5, 20, 2, 1, tzinfo=UTC)),
        ("", None),
        ("soon", None),
        ({}, None),
        (float("inf"), None),
    ],
)
def test_times_in_many_forms(tmp_path: Path, written: object, read: datetime | None) -> None:
    (conversation,) = read_corpus(corpus(tmp_path / "c", {"items": [{"id": 1, "ts": written, "text": "x"}]}))
    assert conversation.items[0].when == read


def environment(pool: Pool, database: str, embedder: WordEmbedder | None) -> Environment:
    memories = Memories(pool, embedder=embedder)
    recall = Recall(memories.vault, memories.middleware.associative, MemoryLimits())
    return Environment(database, memories.vault, memories.middleware, recall)


async def test_what_was_said_twice_is_found_by_the_row_it_became(tmp_path: Path, pool: Pool, database: str) -> None:
    (conversation,) = read_corpus(corpus(tmp_path / "c", SESSIONS))
    written = await write(environment(pool, database, None), conversation)
    rows = {tuple(item.id for item in items) for items in written.items.values()}
    # A question without an answer is not learned: the first item, and the one whose surrogate became a question mark.
    assert rows == {("D1:2",), ("D1:3", "7"), ("8",)}
    assert written.unlearned == 4
    merged = next(memory for memory in written.memories if memory.text == "the ficus wants water")
    assert merged.when is not None
    assert merged.when.year == 2023


async def test_near_duplicates_are_found_by_the_row_they_became(tmp_path: Path, pool: Pool, database: str) -> None:
    said = ["The ficus wants water.", "A cat sat here.", "Water for the ficus it wants."]
    items = [{"id": number, "text": text} for number, text in enumerate(said)]
    (conversation,) = read_corpus(corpus(tmp_path / "c", {"items": items}))
    written = await write(environment(pool, database, WordEmbedder()), conversation)
    assert sorted([item.id for item in items] for items in written.items.values()) == [["0", "2"], ["1"]]


@pytest.mark.parametrize("semantic", [True, False])
async def test_odd_corpora_are_measured(
    tmp_path: Path, pool: Pool, database: str, semantic: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = corpus(tmp_path / "odd.jsonl.gz", SESSIONS, {"conv": "empty", "items": [], "queries": SESSIONS["queries"]})
    await measure_quality(environment(pool, database, WordEmbedder() if semantic else None), [path])
    said = capsys.readouterr()
    assert "gold by turn" in said.out
    assert "gold by session" in said.out
    assert "blind BM25 finds what BM25 in the clear finds: yes" in said.out
    assert ("fusion against the better of its parts" in said.out) == semantic
    assert "8 items in" in said.err


def test_recall_counts_the_share_and_the_first_right_one() -> None:
    tally = Tally()
    tally.add(["a", "b", "c"], frozenset(["b", "z"]))
    tally.add([], frozenset(["b"]))
    assert tally.means() == [0.25, 0.25, 0.25, 0.25]


def test_a_difference_between_blind_and_clear_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    report, gold = Report(), frozenset(["a"])
    for method, ranked in ((CLEAR, ["a"]), (BLIND, ["b"]), (FUSED, ["a"])):
        report.add(method, "tuned on", ranked, gold)
    report.print()
    assert "finds: NO" in capsys.readouterr().out


def test_a_filled_database_is_measured_and_taken_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.memories.latency, "_SEGMENTS_FROM", ROUNDS)
    scale = Scale(users=5, sizes=(ROUNDS,))
    trio.run(measure_latency, scale, tmp_path)
    first = capsys.readouterr()
    for way in ("PostgreSQL", "the server"):
        assert re.search(rf"\| {ROUNDS} memories \| {way} \| [\d.]+ \|", first.out)
    assert f"segments for {ROUNDS} memories built" in first.out
    assert "filled" in first.err
    trio.run(measure_latency, scale, tmp_path)
    assert "filled" not in capsys.readouterr().err
    with pytest.raises(SystemExit, match="another folder"):
        trio.run(measure_latency, Scale(users=6, sizes=(ROUNDS,)), tmp_path)
    with pytest.raises(SystemExit, match="another folder"):
        trio.run(partial(measure_latency, scale, tmp_path, vacuum=False))


async def test_a_database_can_be_measured_as_a_bulk_write_leaves_it(tmp_path: Path) -> None:
    async with open_environment(SyntheticEmbedder(), durable=False, folder=tmp_path) as environment:
        user_id = await environment.person()
        person = Person(user_id, await environment.vault.key(user_id), ROUNDS)
        await trio.to_thread.run_sync(
            partial(fill, environment.conninfo, Scale(users=5, sizes=(ROUNDS,)), [person], vacuum=False)
        )
        async with await TrioConnection.connect(environment.conninfo, autocommit=True) as owner:
            cursor = await owner.execute(
                "SELECT (SELECT count(*) FROM memory_signatures), (SELECT count(embedding) FROM memory_associative),"
                " (SELECT reloptions @> '{autovacuum_enabled=false}' FROM pg_class WHERE relname = 'memory_terms'),"
                " (SELECT relallvisible FROM pg_class WHERE relname = 'memory_signatures')"
            )
            # The memories of others have signatures, but no vectors.
            assert await cursor.fetchall() == [(6 * ROUNDS, ROUNDS, True, 0)]
        recalled = await environment.middleware.enrich_context(user_id, "w20 w21 w22 w23 w24 w25 w26 w27")
        assert recalled.associative


async def test_a_text_is_embedded_once() -> None:
    class Counting(WordEmbedder):
        async def embed_documents(self, texts: Sequence[str]) -> Vectors:
            assert len(set(texts)) == len(texts)
            return await super().embed_documents(texts)

    embedder = Counting()
    remembering = Remembering(embedder)
    vectors = await remembering.embed_documents(["dog", "cat", "dog"])
    assert np.array_equal(vectors[0], vectors[2])
    again = await remembering.embed_documents(["cat"])
    assert np.array_equal(again[0], vectors[1])
    assert embedder.calls == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_leaves_neither_a_server_nor_a_folder_behind(tmp_path: Path, number: int) -> None:
    servers = []

    async def measure(folder: Path) -> None:
        async with open_environment(None, durable=False, folder=folder) as environment:
            servers.append(environment.conninfo)
            os.kill(os.getpid(), number)
            await trio.sleep_forever()

    assert await until_told(measure, tmp_path / "kept") == number
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(servers[0])


def entries(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_a_folder_that_is_not_kept_goes_with_the_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def measure() -> None:
        with bench_folder(None):
            assert len(entries(tmp_path)) == 1
            os.kill(os.getpid(), signal.SIGTERM)
            await trio.sleep_forever()

    assert await until_told(measure) == signal.SIGTERM
    assert entries(tmp_path) == []


async def test_without_a_signal_measuring_just_ends() -> None:
    assert await until_told(trio.lowlevel.checkpoint) is None


def test_a_configuration_is_read_by_the_names_of_its_settings() -> None:
    read = Configuration.read("session_weight=0,lexical_limit=32,coverage=0.15")
    assert (read.ranking.session_weight, read.ranking.lexical_limit) == (0.0, 32)
    assert read.floor is not None
    assert (read.floor.coverage, read.floor.cosine) == (0.15, Floor().cosine)
    assert Configuration.read("") == Configuration()
    for wrong in ("speed=1", "k1=fast"):
        with pytest.raises(ValueError, match=r"speed|fast"):
            Configuration.read(wrong)


def test_the_interval_of_paired_differences() -> None:
    same = difference([0.5, 1, 0], [0.5, 1, 0])
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    better = difference([1.0] * 50, [0.0] * 25 + [1.0] * 25)
    assert better.mean == 0.5
    assert 0.3 < better.low < 0.5 < better.high < 0.7


async def test_categories_strangers_and_another_configuration_are_reported(
    tmp_path: Path, pool: Pool, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [
        {
            "conv": name,
            "items": [{"id": 1, "text": f"The {thing} of {name} is green."}],
            "queries": [{"q": f"Which colour has the {thing}?", "gold": [1], "category": "colours"}],
        }
        for name, thing in (("Ann", "kayak"), ("Bea", "tractor"), ("Cleo", "kayak"))
    ]
    people.append({**people[1], "conv": "Bea in short", "about": "Bea"})
    people[1]["about"] = "Bea"
    path = corpus(tmp_path / "c", *people)
    await measure_quality(environment(pool, database, None), [path], Configuration.read("coverage=0"))
    said = capsys.readouterr().out
    assert "| category colours, 4 queries |" in said
    assert "this configuration against the other, 95% intervals: R@5 +0.000 (+0.000 to +0.000)" in said
    # The question about the tractor, which both texts about Bea have, finds nothing in Ann's memory.
    assert "| c, 1 | server | other people | 1 | 0.00 | 0.0 |" in said
    # Bea is not asked the question of the other text about her, but the one about the kayak.
    assert "| c, 2 | server | other people | 1 |" in said
    assert f"| c, 1 | server | small talk | {len(small_talk())} |" in said
