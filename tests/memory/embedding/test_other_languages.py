"""A question finds what was told in another language, and a stranger's question does not. With the local models."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.memories.corpus import read_corpus
from bench.memories.environment import Remembering
from memory.embedding.local import LocalEmbedder
from memory.limits import MemoryLimits
from memory.vault import IndexKind
from sql.pool import Pool
from tests.memory.memories import Memories

LANGUAGES = Path(__file__).resolve().parents[3] / "bench" / "memories" / "languages.jsonl"
TOLD = {conversation.name: conversation for conversation in read_corpus(LANGUAGES)}
STRANGERS = [
    "What is the capital of Australia?",
    "Play some jazz from the sixties",
    "How do vaccines work?",
    "Set a timer for ten minutes",
    "Write a poem about the sea",
    "Which planet is the largest?",
    "Translate good morning into Italian",
    "What did the president say about taxes?",
    "Explain recursion with an example",
    "How tall is Mount Everest?",
]


@pytest.fixture(scope="module")
def remembering(joined_embedder: LocalEmbedder) -> Remembering:
    """The questions are the same in all languages, and each is embedded once."""
    return Remembering(joined_embedder)


@pytest.mark.parametrize(
    ("language", "index"),
    [
        ("de", "pgvector"),
        ("fr", "pgvector"),
        ("es", "sealed"),
        ("ja", "pgvector"),
        ("ar", "sealed"),
        ("zh", "pgvector"),
    ],
)
async def test_an_english_question_finds_most_memories(
    pool: Pool, remembering: Remembering, language: str, index: IndexKind
) -> None:
    # A loaded machine may take over a second for a question, and would then search by words only.
    limits = MemoryLimits(embed_query_s=60.0)
    memories = Memories(pool, embedder=remembering, index=index, limits=limits)
    ann, conversation = await memories.person(), TOLD[language]
    for item in conversation.items:
        await memories.middleware.store_episode(ann, item.session, item.text, "")
    while await memories.middleware.enrichment.run_once():
        pass
    texts = {item.id: item.text for item in conversation.items}
    asked = [query for query in conversation.queries if query.category == f"en in {language}"]
    assert len(asked) == 12
    found = 0
    for query in asked:
        recalled = (await memories.middleware.enrich_context(ann, query.text)).associative
        found += bool({item.text for item in recalled} & {texts[id_] for id_ in query.gold})
    assert found / len(asked) >= 0.7
    strangers = 0
    for question in STRANGERS:
        strangers += bool((await memories.middleware.enrich_context(ann, question)).associative)
    assert strangers / len(STRANGERS) <= 0.2
