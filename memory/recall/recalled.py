"""The recalled items for a message, and the forms in which they are used: for a prompt, for the person, for storing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from memory.text import shown, shown_name, shown_value
from memory.tiers import EpisodeSummary
from memory.vault import Tier
from person import ENGLISH, Sentences


@dataclass(frozen=True, slots=True)
class Found:
    """An associative memory that fits the message, and why."""

    id: UUID
    text: str
    when: datetime | None
    entity: tuple[str, str] | None
    words: Sequence[str]
    """The words of the message that the memory contains."""
    bm25: float
    cosine: float | None
    rank: int
    exact: bool
    message: str | None = None
    """The part of the text that the person said; None: that is not known, or the text is not from a conversation."""
    answer: str | None = None
    """The part that the assistant said; None: like `message`."""
    before: tuple[UUID, str] | None = None
    """The exchange before it in its conversation, by id and summary. None: there is none, or it is shown anyway."""
    after: tuple[UUID, str] | None = None
    """The exchange after it, like `before`."""
    superseded: bool = False
    """Whether the person has stated something else since."""
    title: str | None = None
    """What the person reads, if it is neither `message` nor `text`: the name of an item, or an old row's first line."""

    def shown(self) -> str:
        """What the person reads: the name of an item, or what the person said, or else the text; on one line."""
        if self.title is not None:
            return self.title
        if self.entity is not None:
            # The first line is only the type.
            return shown(self.text.partition("\n")[2]) or shown(self.text)
        return shown(self.message or "") or shown(self.answer or "") or shown(self.text)

    def contents(self) -> dict[str, str]:
        """The text for a model's prompt, by the side that said it, with summaries of the exchanges around it."""
        if self.message is None or self.answer is None:
            said = {"text": self.text}
        else:
            said = {"person_said": self.message, "assistant_answered": self.answer}
        said["exchange_before"] = self.before[1] if self.before is not None else ""
        said["exchange_after"] = self.after[1] if self.after is not None else ""
        said["note"] = "The person has stated something else since." if self.superseded else ""
        return {name: text for name, text in said.items() if text}

    def reason(self, sentences: Sentences) -> str:
        """Why it was recalled, in one line for a person."""
        parts = []
        if self.words:
            parts.append(sentences.say("used.words", words=", ".join(self.words)))
        if self.cosine is not None:
            parts.append(sentences.say("used.similarity", value=f"{self.cosine:.2f}"))
        return "; ".join(parts) or sentences.say("used.similar")


@dataclass(frozen=True, slots=True)
class KnownPattern:
    """A pattern, with its present confidence."""

    id: UUID
    text: str
    confidence: float
    source: str


@dataclass(frozen=True, slots=True)
class Used:
    """One recalled item as shown to the person: its tier, why it was recalled, and what it says, on one line."""

    id: UUID
    tier: Tier
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """Everything that was recalled for one message. `core` is (id, name, value)."""

    core: Sequence[tuple[UUID, str, Any]] = ()
    associative: Sequence[Found] = ()
    episodic: Sequence[EpisodeSummary] = ()
    proactive: Sequence[KnownPattern] = ()
    semantic: bool = False
    """Whether vectors were compared; if not, the search used words only."""

    def preferences(self) -> dict[str, Any]:
        """The person's preferences, by name."""
        return {key: value for _, key, value in self.core}

    def prompt(self, zone: tzinfo | None = None) -> dict[str, Any]:
        """The data for a model's prompt: without ids and scores, and without empty tiers. Times are in `zone`."""
        tiers: Mapping[str, Any] = {
            "preferences": self.preferences(),
            "memories": [
                found.contents()
                | (
                    {"when": found.when.astimezone(zone or found.when.tzinfo).isoformat()}
                    if found.when is not None
                    else {}
                )
                for found in self.associative
            ],
            "earlier_conversations": [
                {
                    "summary": item.summary,
                    "when": item.at.astimezone(zone or item.at.tzinfo).isoformat(timespec="minutes"),
                }
                | ({} if item.complete else {"note": "The answer was cut off, so it is incomplete."})
                for item in self.episodic
            ],
            "habits": [item.text for item in self.proactive],
        }
        return {name: tier for name, tier in tiers.items() if tier}

    def used(self, sentences: Sentences = ENGLISH) -> list[Used]:
        """Every item, with the reason it was recalled, in the language of `sentences`."""
        say, said = sentences.say, (sentences.say("used.yes"), sentences.say("used.no"))
        return [
            *(
                Used(
                    id_,
                    "core",
                    say("used.core", name=shown_name(key)),
                    f"{shown_name(key)}: {shown_value(value, *said)}",
                )
                for id_, key, value in self.core
            ),
            *(Used(found.id, "associative", found.reason(sentences), found.shown()) for found in self.associative),
            *(Used(item.id, "episodic", say("used.episode"), item.shown()) for item in self.episodic),
            *(
                Used(
                    item.id,
                    "proactive",
                    say("used.habit", confidence=f"{item.confidence:.2f}", source=item.source),
                    shown(item.text),
                )
                for item in self.proactive
            ),
        ]

    def texts(self) -> list[str]:
        """The recalled texts. `store_episode` takes them, so that they are not learned again."""
        return [
            *(f"{key} {value}" for _, key, value in self.core),
            *(found.text for found in self.associative),
            *(beside[1] for found in self.associative for beside in (found.before, found.after) if beside is not None),
            *(item.summary for item in self.episodic),
            *(item.text for item in self.proactive),
        ]
