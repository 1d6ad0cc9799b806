"""Turns text into index terms: normalised, split into words, without stop words, stemmed.

Latin, Greek and Cyrillic letters lose their accents, so that "cafe" finds "café". Scripts without spaces are cut into
overlapping pairs of characters. Words are stemmed by their language (`memory.text.languages`). A date gets the same
terms in every spelling.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from memory.text.dates import DATE, date_words, dates_in
from memory.text.languages import ENGLISH, FUNCTION_WORDS, STOP_WORDS, Stemmers, language_of, words_of

_COMMON_STEMS: Final = frozenset(map(Stemmers().english, words_of("common_words.txt")))

MAX_WORD_CHARS: Final = 64
"""A longer word is cut: it is a URL, a key or noise."""

_ORDINAL: Final = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ACCENTS: Final = re.compile("[\u0300-\u036f]")
# After `_spaced`, every character beyond ASCII belongs to a word. A time of day is one word.
_WORD: Final = re.compile(
    r"(?<![\d:])[0-2]?\d:[0-5]\d(?![\d:])|[a-z0-9\u0080-\U0010ffff]+(?:'[a-z\u0080-\U0010ffff]+)*"
)
# "[2024-05-20 14:00 UTC]", "[Mon, 20 May 2024]": only a date, a time of day, a weekday and an offset.
_STAMP: Final = re.compile(r"\s*\[(?P<stamp>[^\]]{6,40})\]\s*(?=\S)")
_STAMP_REST: Final = re.compile(
    r"\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?\s*(?:[ap]\.?m\.?)?|(?<![a-z])(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b"
    r"|\bt(?=\d)|\b(?:utc|gmt|at|on)\b|\bz\b|[+-]\d\d:?\d\d|[\s,;()/-]"
)
# Thai to Myanmar, Khmer, Japanese kana, Han, Hangul, and Han beyond the first plane.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+"
)
# Question words and particles in Chinese and Japanese. A pair with one of them says nothing about the topic, and a
# question has such a number of them that they would outweigh its other pairs.
_JOINING: Final = frozenset("吗嗎呢么麼什甚哪谁誰怎何的")
_JOINING_PAIRS: Final = frozenset({"です", "ます", "すか", "どこ", "だれ", "どう", "どの", "なに", "なん"})


class Word(NamedTuple):
    """A word of a text: its index term, and the normalised word, to show to a person."""

    term: str
    written: str


class AskedWord(NamedTuple):
    """A word of a question: the index terms that mean it, the likeliest first, and the normalised word."""

    terms: tuple[str, ...]
    written: str


class _Token(NamedTuple):
    """A normalised word, and the normalised text it is made from. `date`: it is one of the words of a date."""

    word: str
    written: str
    date: bool = False


def normalise(text: str) -> str:
    """Compatibility forms and case folded (Unicode's compatibility caseless match), without accents, composed."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFD", text).casefold()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", folded)).replace("\u2019", "'")


def without_stamp(text: str) -> str:
    """`text` without a time in brackets at its beginning, which is not part of its topic."""
    found = _STAMP.match(text)
    if found is None:
        return text
    stamp = normalise(found["stamp"])
    date = DATE.search(stamp)
    if date is None or _STAMP_REST.sub("", f"{stamp[: date.start()]} {stamp[date.end() :]}"):
        return text
    return text[found.end() :]


def telling_words(words: Sequence[str]) -> list[str]:
    """The normalised words that are neither function words of their language nor among the commonest English words.

    If their language is not clear, function words of all languages are left out.
    """
    language = language_of(words)
    ignored = frozenset().union(*FUNCTION_WORDS.values()) if language is None else FUNCTION_WORDS[language]
    english = Stemmers().english if language in (None, ENGLISH) else None
    return [word for word in words if word not in ignored and (english is None or english(word) not in _COMMON_STEMS)]


class Analyser:
    """Turns text into terms. Not safe to share between threads, because of its stemmers. Cheap to create."""

    __slots__ = ("_stemmers",)

    def __init__(self) -> None:
        self._stemmers = Stemmers()

    def words(self, text: str) -> Iterator[Word]:
        """Every word of `text` in order, without English stop words, stemmed as English.

        A date gives several words (`memory.text.dates`). Stored digests are made from these terms (`memory.text.Said`),
        so they can't change. The index has those of `indexed`.
        """
        for token in self._tokens(text):
            if token.date or token.word not in STOP_WORDS:
                yield Word(self._stemmers.english(token.word), token.written)

    def terms(self, text: str) -> set[str]:
        """The distinct terms of `words`."""
        text = normalise(text)
        plain: set[str] = set()
        dates: set[str] = set()
        start = 0
        for match in dates_in(text):
            plain.update(_plain_words(text[start : match.start()]))
            dates.update(date_words(match))
            start = match.end()
        plain.update(_plain_words(text[start:]))
        # Each word is stemmed once, however often the text has it.
        return {self._stemmers.english(word) for word in (plain - STOP_WORDS) | dates}

    def indexed(self, text: str) -> list[Word]:
        """The words of `text` for the index, in order, stemmed by the language of the text.

        Its function words and the commonest English words are left out, unless the text has no others.
        """
        tokens, language = self._analysed(text)
        return [Word(self._stem(token, language), token.written) for token in tokens]

    def asked(self, text: str) -> list[AskedWord]:
        """The words of a question, each with every term by which the index may have it.

        These are its stems in all languages, because the language of a memory may be another one. The English stem is
        always one of them: an earlier release indexed all words by it.
        """
        tokens, language = self._analysed(text)
        asked: dict[str, AskedWord] = {}
        for token in tokens:
            first = self._stem(token, language)
            others = () if token.date else self._stemmers.alternatives(token.word)
            asked.setdefault(first, AskedWord(tuple(dict.fromkeys([first, *others])), token.written))
        return list(asked.values())

    def _analysed(self, text: str) -> tuple[list[_Token], str | None]:
        """The words of `text` that say something, and its language."""
        tokens = list(self._tokens(text))
        language = language_of(token.word for token in tokens if not token.date)
        ignored = STOP_WORDS if language is None else FUNCTION_WORDS[language]
        told = [token for token in tokens if token.date or token.word not in ignored]
        if language in (None, ENGLISH):
            rare = [token for token in told if self._stemmers.english(token.word) not in _COMMON_STEMS]
            return rare or told, language
        return told, language

    def _stem(self, token: _Token, language: str | None) -> str:
        return self._stemmers.english(token.word) if token.date else self._stemmers.stem(token.word, language)

    def _tokens(self, text: str) -> Iterator[_Token]:
        text = normalise(text)
        start = 0
        for match in dates_in(text):
            yield from _plain_tokens(text[start : match.start()])
            written = match.group().strip()
            yield from (_Token(word, written, date=True) for word in date_words(match))
            start = match.end()
        yield from _plain_tokens(text[start:])


def _plain_tokens(text: str) -> Iterator[_Token]:
    for word in _written_words(text):
        yield _Token(word[:MAX_WORD_CHARS], word)


def _plain_words(text: str) -> Iterator[str]:
    """The words of `_plain_tokens`."""
    return (word[:MAX_WORD_CHARS] for word in _written_words(text))


def _written_words(text: str) -> list[str]:
    found: list[str] = _WORD.findall(_THOUSANDS.sub("", _ORDINAL.sub(r"\1", _spaced(text))))
    if text.isascii():
        return found
    return [part for word in found for part in ([word] if word.isascii() else _parts(word))]


def _spaced(text: str) -> str:
    """`text` with a space for every character beyond ASCII that is not a letter, digit or mark."""
    if text.isascii():
        return text
    others = {
        ord(character): " "
        for character in set(text)
        if not character.isascii() and unicodedata.category(character)[0] not in "LNM"
    }
    return text.translate(others)


def _parts(word: str) -> Iterator[str]:
    """`word`, with runs of a script without spaces cut into pairs of characters."""
    start = 0
    for match in _UNSPACED.finditer(word):
        if match.start() > start:
            yield word[start : match.start()]
        run = match.group()
        pairs = [run[index : index + 2] for index in range(len(run) - 1)] or [run]
        yield from [pair for pair in pairs if not _joins(pair)] or pairs
        start = match.end()
    if start < len(word):
        yield word[start:]


def _joins(pair: str) -> bool:
    return pair in _JOINING_PAIRS or not _JOINING.isdisjoint(pair)
