"""What becomes of an exchange: a summary, preferences, and a document to learn. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cache

from memory.enrichment.episodes import Episode
from memory.enrichment.novelty import TermsOf, worth_learning
from memory.preferences import Preference, accepted, preferences_in
from memory.text import Analyser
from memory.tiers import Document, EpisodeFacts, facts_of, summarise, useful_previous_turn
from person import zone_named


@dataclass(frozen=True, slots=True)
class Description:
    """A description of an exchange: a summary of one line, and the preferences stated in it, by name.

    A preference of None is taken back: the person says that it no longer holds. `title` is for a conversation
    that begins with the exchange; "": the message gives it.
    """

    summary: str
    preferences: Mapping[str, str | None] = field(default_factory=dict)
    title: str = ""


@dataclass(frozen=True, slots=True)
class Enriched:
    """An episode, its description, the memory learned from it (None: it has nothing new), and its facts for habits.

    `preferences` are those that may be stored.
    """

    episode: Episode
    description: Description
    preferences: Sequence[Preference]
    document: Document | None
    facts: EpisodeFacts


def enrich_all(episodes: Sequence[Episode], zone: tzinfo) -> list[Enriched]:
    """What becomes of `episodes`, described by rules. The same texts are often recalled for several of them."""
    terms_of = cache(Analyser().terms)
    return [enrich(episode, None, zone, terms_of) for episode in episodes]


def enrich(episode: Episode, described: Description | None, zone: tzinfo, terms_of: TermsOf | None = None) -> Enriched:
    """What becomes of `episode`. `described` is a model's description; None: rules make it.

    `zone` dates the memory if the time zone of the episode was not stored. `terms_of`: see `worth_learning`.
    """
    exchange = episode.exchange
    learned = worth_learning(exchange.message, exchange.response, exchange.recalled, terms_of)
    document = None
    if learned is not None:
        document = Document(
            learned.text,
            episode.at.astimezone(zone_named(exchange.time_zone) if exchange.time_zone is not None else zone),
            source="episode",
            source_id=episode.id,
            previous=useful_previous_turn(learned.text, episode.previous),
            said=learned.said,
        )
    facts = facts_of(episode.id, exchange, episode.at, zone)
    description = described or Description(summarise(exchange.message, exchange.response))
    return Enriched(episode, description, _preferences(episode, described), document, facts)


def _preferences(episode: Episode, described: Description | None) -> list[Preference]:
    message = episode.exchange.message
    if described is None:
        return accepted(preferences_in(message, episode.previous_message), message, evidence=False)
    found = [Preference(key, value) for key, value in described.preferences.items()]
    return accepted(found, message, evidence=True)
