"""What a question finds: ranges of time, few memories per conversation, the newer statement, words of any language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from memory.crypto import BlindTerms, Vectors
from memory.embedding import passage
from memory.recall.past import past_range
from memory.text import Analyser
from person import StatedLocale
from sql.pool import Pool
from tests.memory.memories import Memories, WordEmbedder

NOW = datetime(2026, 6, 17, 12, tzinfo=UTC)
TERMS = BlindTerms(b"k" * 44)


async def _told(memories: Memories, user_id: UUID, *told: tuple[datetime, str, str | None]) -> None:
    for at, message, conversation in told:
        await memories.middleware.store_episode(user_id, conversation, message, "", at=at)
    await memories.middleware.enrichment.run_once()


async def test_a_question_about_last_week_finds_what_was_said_then(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await _told(
        memories,
        ann,
        (NOW - timedelta(days=8), "The boiler makes a strange noise.", None),
        (NOW - timedelta(days=40), "The boiler was cleaned by Ben.", None),
        (NOW - timedelta(days=39), "Clara sold her violin.", None),
        (NOW - timedelta(days=7), "Dora paints the fence.", None),
    )
    everything = (await memories.middleware.enrich_context(ann, "What did we discuss last week?", at=NOW)).associative
    assert {found.text for found in everything} == {"The boiler makes a strange noise.", "Dora paints the fence."}
    asked = "What did I say about the boiler last week?"
    boiler = (await memories.middleware.enrich_context(ann, asked, at=NOW)).associative
    assert [found.text for found in boiler] == ["The boiler makes a strange noise.", "The boiler was cleaned by Ben."]
    may = (await memories.middleware.enrich_context(ann, "boiler in May", at=NOW)).associative
    assert may[0].text == "The boiler was cleaned by Ben."


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("What did we talk about last week?", {"boiler"}),
        ("summarize our conversations from last week", {"boiler"}),
        ("what was that thing we talked about two days ago", {"fence"}),
        ("What did I tell you four days ago?", set()),
        ("What did we talk about in May?", {"violin"}),
        ("in May, what did we discuss?", {"violin"}),
        ("What did we discuss on June 10th?", {"boiler"}),
        ("Was haben wir letzte Woche besprochen?", {"boiler"}),
        ("Worüber sprachen wir vor zwei Tagen?", {"fence"}),
        ("De quoi avons-nous parlé la semaine dernière ?", {"boiler"}),
        ("Qu'est-ce que je t'ai dit il y a deux jours ?", {"fence"}),
        ("¿De qué hablamos hace dos días?", {"fence"}),
        ("¿Qué te conté la semana pasada?", {"boiler"}),
        ("2日前は何を話しましたか", {"fence"}),
        ("先週は何の話をした？", {"boiler"}),
        ("عن ماذا تحدثنا الأسبوع الماضي؟", {"boiler"}),
        ("recap our chats in May", {"violin"}),
        ("5月に何を話しましたか", {"violin"}),
        ("What did I tell you today?", {"ladder"}),
        ("What did we talk about this morning?", {"ladder"}),
        ("What did we talk about this afternoon?", set()),
        ("What did I mention earlier?", {"ladder"}),
        ("What did we discuss this week?", {"ladder", "fence"}),
        ("What did I say on Monday?", {"fence"}),
        ("What did we talk about this month?", {"ladder", "fence", "boiler"}),
        ("What did I tell you in 2025?", {"canoe"}),
        ("Was habe ich dir heute erzählt?", {"ladder"}),
        ("Qu'est-ce que je t'ai dit ce matin ?", {"ladder"}),
        ("¿De qué hablamos esta semana?", {"ladder", "fence"}),
        ("今日は何を話しましたか", {"ladder"}),
        ("ماذا قلت لك اليوم؟", {"ladder"}),
        ("What is on today?", set()),
        ("What did we do today", {"ladder"}),
        ("two days ago", {"fence"}),
        ("It was good today.", set()),
        ("Was steht diese Woche an?", set()),
        ("What is on in May?", set()),
        ("How is the tractor since last week?", set()),
        ("Was war mit dem Traktor letzte Woche?", set()),
        ("先週のトラクターの話", set()),
    ],
)
async def test_a_question_about_a_time_without_a_topic_finds_everything_of_it(
    pool: Pool, asked: str, found: set[str]
) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await _told(
        memories,
        ann,
        (NOW - timedelta(days=7), "The boiler makes a strange noise.", None),
        (NOW - timedelta(days=39), "Clara sold her violin.", None),
        (NOW - timedelta(days=2), "Dora paints the fence.", None),
        (NOW - timedelta(days=300), "Emil rents a canoe.", None),
        (NOW - timedelta(hours=3), "Flora broke the ladder.", None),
    )
    locales = [StatedLocale("device", time_zone="UTC")]
    recalled = (await memories.middleware.enrich_context(ann, asked, locales, NOW)).associative
    told = ("boiler", "violin", "fence", "canoe", "ladder")
    assert {word for word in told for one in recalled if word in one.text} == found


async def test_a_question_about_tasks_of_today_finds_what_was_said_long_ago(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    old = "My tasks for Mondays are always the laundry tasks."
    await _told(
        memories,
        ann,
        (NOW - timedelta(days=300), old, None),
        *((NOW - timedelta(hours=1), f"The tasks of Ben number {number}.", None) for number in range(12)),
    )
    found = (await memories.middleware.enrich_context(ann, "What are my laundry tasks for today?", at=NOW)).associative
    assert found[0].text == old


async def test_what_was_said_at_the_asked_time_comes_before_what_fits_the_question_better(pool: Pool) -> None:
    memories = Memories(pool, embedder=WordEmbedder())
    ann = await memories.person()
    asked = "What did we talk about last week?"
    await _told(
        memories,
        ann,
        (NOW - timedelta(days=7), "The boiler makes a strange noise.", None),
        (NOW - timedelta(days=39), "We did talk about what we did last week.", None),
        (NOW - timedelta(days=38), "Clara sold her violin.", None),
    )
    recalled = (await memories.middleware.enrich_context(ann, asked, at=NOW)).associative
    assert [found.text.split()[1] for found in recalled][:2] == ["boiler", "did"]


def test_a_day_is_that_of_the_persons_zone() -> None:
    tokyo = past_range("yesterday", [StatedLocale("device", time_zone="Asia/Tokyo")], NOW)
    assert tokyo is not None
    assert tokyo.range.since == datetime(2026, 6, 15, 15, tzinfo=UTC)
    assert tokyo.range.until == datetime(2026, 6, 16, 15, tzinfo=UTC)
    anywhere = past_range("yesterday", [], NOW)
    assert anywhere is not None
    assert anywhere.range.since <= tokyo.range.since < tokyo.range.until <= anywhere.range.until


@pytest.mark.parametrize("message", ["We did it yesterday!", "Das war gestern so.", "C'était hier.", "昨日でした。"])
def test_a_statement_asks_for_nothing_of_its_day(message: str) -> None:
    found = past_range(message, [], NOW)
    assert found is not None
    assert not found.whole


def test_a_morning_is_that_of_the_persons_zone_and_ends_with_the_clock() -> None:
    night = datetime(2026, 10, 25, 20, tzinfo=UTC)  # clocks were put back in Berlin on this morning
    found = past_range("What did I say this morning?", [StatedLocale("device", time_zone="Europe/Berlin")], night)
    assert found is not None
    assert found.range.since == datetime(2026, 10, 24, 22, tzinfo=UTC)
    assert found.range.until == datetime(2026, 10, 25, 11, tzinfo=UTC)


async def test_two_memories_of_a_conversation_and_what_was_said_beside_them(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    said = [
        "Let us begin.",
        "The kayak is green.",
        "Ben paid in cash.",
        "A kayak needs a permit.",
        "Kayaks stay dry.",
    ]
    later = ["Bread and milk.", "Dora likes jazz.", "Call the plumber.", "Ring the bell.", "Buy stamps."]
    await _told(
        memories,
        ann,
        *((NOW + timedelta(minutes=number), text, "river") for number, text in enumerate(said)),
        (NOW, "My neighbour has a kayak too.", "other"),
        *((NOW + timedelta(days=1, minutes=number), text, None) for number, text in enumerate(later)),
    )
    recalled = await memories.middleware.enrich_context(ann, "kayak")
    river = [found for found in recalled.associative if found.text in said]
    assert len(river) == 2
    assert len(recalled.associative) == 3
    beside = {one[1] for found in river for one in (found.before, found.after) if one is not None}
    assert "Ben paid in cash." in beside
    assert not beside & {found.text for found in river}
    shown = recalled.prompt()["memories"]
    assert any("Ben paid in cash." in (memory.get("exchange_before"), memory.get("exchange_after")) for memory in shown)
    assert "Ben paid in cash." in recalled.texts()


async def test_the_newer_of_two_statements_counts(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    await _told(
        memories,
        ann,
        (NOW - timedelta(days=90), "I live in Paris.", None),
        (NOW - timedelta(days=2), "I live in Berlin.", None),
        (NOW - timedelta(days=1), "I like to live near trees.", None),
    )
    found = (await memories.middleware.enrich_context(ann, "Where do I live?")).associative
    assert {item.text: item.superseded for item in found} == {
        "I live in Berlin.": False, "I like to live near trees.": False, "I live in Paris.": True,
    }  # fmt: skip
    assert found[-1].contents()["note"] == "The person has stated something else since."


class Recorder(WordEmbedder):
    """Keeps the queries."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []

    async def embed_query(self, text: str) -> Vectors:
        self.queries.append(text)
        return await super().embed_query(text)


async def test_the_previous_turn_goes_into_the_query_as_into_documents(pool: Pool) -> None:
    embedder = Recorder()
    memories = Memories(pool, embedder=embedder)
    ann = await memories.person()
    question = "Shall I book the ferry to Elba?"
    await memories.middleware.store_episode(ann, "trip", "I want an island.", question, at=NOW)
    for conversation, message, expected in (
        ("trip", "[2026-06-17 12:00] Yes, on Friday", passage("Yes, on Friday", question)),
        ("trip", question, question),
        ("new", "Yes, on Friday", "Yes, on Friday"),
        (None, "Yes, on Friday", "Yes, on Friday"),
    ):
        await memories.middleware.enrich_context(ann, message, conversation_id=conversation)
        assert embedder.queries.pop() == expected


@pytest.mark.parametrize(
    ("memory", "question"),
    [
        ("Die Häuser in unserer Straße sind alt", "Haus"),
        ("Mein Zahnarzttermin ist am Donnerstag", "Zahnarzttermine"),
        ("J'ai oublié mes parapluies à l'école", "parapluie école"),
        ("Las reuniones son por la mañana", "reunión"),
        ("The meetings were running late", "meeting"),
        ("الإيجار مرتفع في هذه المدينة", "ايجار"),
        ("كِتَابٌ جديد", "الكتاب"),
        ("نسيت مظلتي في المكتبة", "مكتبة"),
        ("مسؤول المشروع أحمد", "احمد"),
        ("في سنة ٢٠٢٥ سافرنا", "2025"),
        ("купили новые книги", "книга"),
    ],
)
def test_words_are_found_in_other_forms(memory: str, question: str) -> None:
    stored = set(TERMS.document(memory).counts)
    asked = TERMS.asked(question, 60)
    assert {number for term, number in zip(asked.terms, asked.words, strict=True) if term in stored} == set(asked.words)


@pytest.mark.parametrize(
    "text", ["Die Häuser sind nicht alt", "J'ai vu l'école", "نسيت مظلتي في المكتبة", "The meetings of May 5th, 2024"]
)
def test_terms_of_earlier_releases_are_found(text: str) -> None:
    # An earlier release indexed exactly these terms.
    earlier = {TERMS._blind(word.term) for word in Analyser().words(text)}
    asked = TERMS.asked(text, 60)
    found = {number for term, number in zip(asked.terms, asked.words, strict=True) if term in earlier}
    assert found == set(asked.words)


async def test_rows_of_an_earlier_release_are_found(pool: Pool) -> None:
    memories = Memories(pool)
    ann = await memories.person()
    text = "Die Häuser sind nicht alt"
    await _told(memories, ann, (NOW, text, None))
    async with memories.vault.writing(ann) as (connection, key):
        await connection.execute(b"DELETE FROM memory_terms")
        for word in Analyser().words(text):
            await connection.execute(
                b"INSERT INTO memory_terms (user_id, term, memory_id, tf, length)"
                b" SELECT user_id, %s, id, 1, length FROM memory_associative",
                [key.terms._blind(word.term)],
            )
    (found,) = (await memories.middleware.enrich_context(ann, "Welche Häuser sind alt?")).associative
    assert found.words == ["hauser", "alt"]


def test_a_long_question_has_no_more_terms_than_the_limit() -> None:
    text = " ".join(f"wort{number}ungen" for number in range(100))
    asked = TERMS.asked(text, 60)
    assert len(asked.terms) == len(asked.words) == 60
    assert asked.written[asked.terms[-1]] == "wort99ungen"
