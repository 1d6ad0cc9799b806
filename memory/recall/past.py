"""The range of time that a question names ("last week"), in the person's time zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from memory.recall.search import TimeRange
from memory.text import is_question, telling_words
from person import PastDays, StatedLocale, past_days, resolve_locale

# Verbs that say nothing about the topic: "What did we discuss last week?" asks for everything of that week.
_VERBS: Final = (
    "discuss discussed discussing mention mentioned speak spoke",
    "spoken speaking talk talked talking chat chatted chatting",
    "happen happened tell told say said ask asked",
    "besprochen gesprochen sprachen sprechen geredet redeten gesagt",
    "sagte erzahlt erzahlte unterhalten passiert gemacht gefragt",
    "discute discutions parle parlions dit disais raconte fait passe demande",
    "hablamos hablado hablaba conversamos discutimos dije dijimos dicho conte contaste hicimos paso pregunte",
    "ناقشنا تحدثنا تكلمنا قلت قلنا حدث حصل اخبرتك حكيت ذكرت",
)
# Nouns of such a question, and verbs about them. If there is a topic too, they belong to it.
_TALKS: Final = (
    "conversation conversations chat chats message messages summary summarize summarise recap review",
    "gesprach gesprache unterhaltung fasse fass zusammenfassung resume resumer conversacion conversaciones resumen",
    "لخص محادثاتنا محادثتنا حديثنا",
)
# Other words of such a question.
_OTHERS: Final = (
    "remind list show thing things everything anything topic topics subject subjects morning afternoon evening night",
    "woruber worum thema themen zusammen abend morgen nachmittag nacht",
    "qu l d t s n c j sujet sujets matin soir",
    "tema temas manana tarde noche por",
    "ماذا ما عن عم عما في هل لك لي معك معا كنا كنت",
)
_JAPANESE: Final = re.compile(
    "話(?:し合いました|し合った|しました|した|題)?|会話|相談(?:しました|した)?|言(?:いました|った)|教え(?:ました|た)|何|誰|[\u3041-\u309f]"
)
_JAPANESE_SAYING: Final = re.compile("話|相談|言[いっ]|教え")
_ASKING: Final = re.compile(
    rf"\b(?:{'|'.join(' '.join(_VERBS).split())})\b|話し(?:た|ました)|言い?(?:った|ました)", re.IGNORECASE
)
# The beginning of a question in other languages than English, or what makes a sentence a question.
_QUESTION: Final = re.compile(
    r"[?？؟]|^\W*(?:was|wer|wen|wem|wo|wor\w+|wann|wie|welche\w*|warum|qu'\S+|que|quoi|qui|quand|quel\w*|comment|cual\w*"
    r"|donde|cuando|quien\w*|como|ماذا|ما|متى|اين|هل|من|عن ماذا)\b|何|誰|どこ|いつ|か。?$"
)
_SAYING: Final = frozenset(" ".join((*_VERBS, *_TALKS)).split())
_NO_TOPIC: Final = _SAYING | frozenset(" ".join(_OTHERS).split())
_WORD: Final = re.compile(r"\w+")
# Zones are from UTC-12 to UTC+14.
_EARLIER: Final = timedelta(hours=14)
_LATER: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Past:
    """`rest` is the question without the words that name the range, and without verbs that name no topic.

    `whole`: the question names no topic, so it asks for everything of the range: "What did we talk about in May?"
    """

    range: TimeRange
    rest: str
    whole: bool


def past_range(message: str, locales: Sequence[StatedLocale], at: datetime) -> Past | None:
    """The past range that `message` names, seen from `at`; None if it names none.

    If no locale states the time zone, the range has all instants that belong to its days in any time zone.
    """
    locale = resolve_locale(*locales)
    calendar = locale.calendar
    days = past_days(message, at.astimezone(calendar.zone).date(), calendar)
    if days is None:
        return None
    since = calendar.local(calendar.start_of(days.since))
    until = calendar.local(calendar.start_of(days.until))
    if days.hours is not None:
        first, last = days.hours
        since, until = calendar.at_hour(days.since, first), min(until, calendar.at_hour(days.since, last))
    if locale.time_zone_source == "default":
        since, until = since - _EARLIER, until + _LATER
    return Past(TimeRange(since, until), _ASKING.sub(" ", days.rest), _is_whole(message, days))


def _is_whole(message: str, days: PastDays) -> bool:
    """Whether the message asks for everything of `days`.

    "What is on in May?" may be about the next May. "We did it yesterday!" asks for nothing.
    """
    words = _WORD.findall(_JAPANESE.sub(" ", days.others))
    said = not _SAYING.isdisjoint(words) or _JAPANESE_SAYING.search(days.others) is not None
    asked = days.certain and (
        _WORD.search(days.others) is None or is_question(message) or _QUESTION.search(message.casefold()) is not None
    )
    return (asked or said) and all(word in _NO_TOPIC for word in telling_words(words))
