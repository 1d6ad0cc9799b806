"""Turns text into index terms: normalised, split into words, without stop words, stemmed.

Latin, Greek and Cyrillic letters lose their accents, so that "cafe" finds "café". Scripts without spaces are cut into
overlapping pairs of characters. All words are stemmed as English words; words of other languages mostly stay unchanged,
in memories and queries alike. A date gets the same terms in every spelling.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import Stemmer

from memory.text.dates import DATE, date_words


def _listed(name: str) -> frozenset[str]:
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


STOP_WORDS: Final = _listed("stop_words.txt")
_COMMON_STEMS: Final = frozenset(Stemmer.Stemmer("english", 0).stemWords(sorted(_listed("common_words.txt"))))

MAX_WORD_CHARS: Final = 64
"""A longer word is cut: it is a URL, a key or noise."""

_ORDINAL: Final = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ACCENTS: Final = re.compile("[\u0300-\u036f]")
# After `_spaced`, every character beyond ASCII belongs to a word. A time of day is one word.
_WORD: Final = re.compile(
    r"(?<![\d:])[0-2]?\d:[0-5]\d(?![\d:])|[a-z0-9\u0080-\U0010ffff]+(?:'[a-z\u0080-\U0010ffff]+)*"
)
_STAMP: Final = re.compile(r"\s*\[(?=[^\]]*\d{4})[^\]]{6,40}\]\s*(?=\S)")
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


def normalise(text: str) -> str:
    """Compatibility forms and case folded (Unicode's compatibility caseless match), without accents, composed."""
    folded = unicodedata.normalize("NFD", text).casefold()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", folded).casefold())
    return unicodedata.normalize("NFC", _ACCENTS.sub("", folded)).replace("\u2019", "'")


def without_stamp(text: str) -> str:
    """`text` without a time in brackets at its beginning, which is not part of its topic."""
    stamp = _STAMP.match(text)
    return text if stamp is None else text[stamp.end() :]


class Analyser:
    """Turns text into terms. Not safe to share between threads, because of its stemmer. Cheap to create."""

    __slots__ = ("_stem",)

    def __init__(self) -> None:
        # Size 0: the stemmer's cache would keep people's words in memory.
        self._stem = Stemmer.Stemmer("english", 0).stemWord

    def words(self, text: str) -> Iterator[Word]:
        """Every word of `text` in order, without stop words. A date gives several words (`memory.text.dates`)."""
        text = normalise(text)
        start = 0
        for match in DATE.finditer(text):
            yield from self._plain_words(text[start : match.start()])
            written = match.group().strip()
            yield from (Word(self._term(term), written) for term in date_words(match))
            start = match.end()
        yield from self._plain_words(text[start:])

    def terms(self, text: str) -> set[str]:
        """The distinct index terms of `text`."""
        return {word.term for word in self.words(text)}

    def indexed(self, text: str) -> list[Word]:
        """The words of `text` for the index, in order: without the commonest ones, unless it has no others."""
        words = list(self.words(text))
        return [word for word in words if word.term not in _COMMON_STEMS] or words

    def _plain_words(self, text: str) -> Iterator[Word]:
        text = _THOUSANDS.sub("", _ORDINAL.sub(r"\1", _spaced(text)))
        for match in _WORD.finditer(text):
            word = match.group()
            if word in STOP_WORDS:
                continue
            if word.isascii():
                yield Word(self._term(word), word)
            else:
                yield from (Word(self._term(part), part) for part in _parts(word) if part not in STOP_WORDS)

    def _term(self, word: str) -> str:
        return str(self._stem(word[:MAX_WORD_CHARS]))


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
