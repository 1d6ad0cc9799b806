"""The language of a text, and how its words are stemmed. Pure.

A script tells the language of Arabic, Cyrillic and Greek words. For Latin letters, the commonest words of the whole
text tell it. Words of other languages are stemmed as English words.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import Stemmer

ENGLISH: Final = "en"
_STEMMERS: Final = {"en": "english", "de": "german", "fr": "french", "es": "spanish"}
_ARABIC: Final = re.compile("[\u0620-\u064a\u066e-\u06d3]")
_SCRIPTS: Final = (
    ("arabic", _ARABIC),
    ("russian", re.compile("[\u0400-\u04ff]")),
    ("greek", re.compile("[\u0370-\u03ff]")),
)
# l'école, d'une, qu'il
_ELISION: Final = re.compile(r"^(?:[cdjlmnst]|qu)'(?=[a-z])")
# Vowel marks, hamza and madda above or below a letter (after canonical decomposition), and the stretching mark.
_ARABIC_MARKS: Final = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
_ARABIC_LETTERS: Final = str.maketrans(
    {
        "\u0622": "\u0627", "\u0623": "\u0627", "\u0625": "\u0627", "\u0671": "\u0627",
        "\u0624": "\u0648", "\u0626": "\u064a", "\u0649": "\u064a", "\u06cc": "\u064a",
        "\u0629": "\u0647", "\u06a9": "\u0643",
    }
)  # fmt: skip
# The article, alone or after "and", "with", "like", "so", "for".
_ARABIC_ARTICLE: Final = re.compile(
    "^(?:[\u0648\u0641]?[\u0628\u0643]?\u0627\u0644|[\u0648\u0641]?\u0644\u0644)(?=...)"
)


_READ_CHARS: Final = 2_000
_KANA_SHARE: Final = 10
_LETTERS: Final = re.compile("[a-z]+(?:'[a-z]+)?")


def words_of(name: str) -> frozenset[str]:
    """The words in a list of this folder. A line with # is a comment."""
    lines = Path(__file__).with_name(name).read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


STOP_WORDS: Final = words_of("stop_words.txt")


def _function_words() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {ENGLISH: set(STOP_WORDS)}
    for line in Path(__file__).with_name("function_words.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            language, _, words = line.partition(":")
            found.setdefault(language, set()).update(words.split())
    return {language: frozenset(words) for language, words in found.items()}


FUNCTION_WORDS: Final = _function_words()


def language_of(words: Iterable[str]) -> str | None:
    """The language with the most function words among `words` (normalised): en, de, fr or es; None: it is not clear."""
    read = list(words)
    counts = {language: sum(map(known.__contains__, read)) for language, known in FUNCTION_WORDS.items()}
    first, second = sorted(counts, key=lambda language: -counts[language])[:2]
    return first if counts[first] > counts[second] else None


def written_language(text: str) -> str | None:
    """The language of a text: that of its function words if most letters are Latin, otherwise the script's name.

    Japanese is told from Chinese by its kana. None: the letters are Latin, but the language is not clear; or there are
    no letters. Reads the first characters only.
    """
    letters = [character for character in text[:_READ_CHARS] if character.isalpha()]
    scripts = Counter("latin" if character.isascii() else _script(character) for character in letters)
    if scripts["kana"] * _KANA_SHARE > len(letters):
        return "kana"
    if not scripts or (most := scripts.most_common(1)[0][0]) != "latin":
        return most if scripts else None
    folded = unicodedata.normalize("NFKD", text[:_READ_CHARS]).casefold()
    return language_of(_LETTERS.findall("".join(one for one in folded if not unicodedata.combining(one))))


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "").partition(" ")[0].lower()
    return "kana" if name in {"hiragana", "katakana"} else name


class Stemmers:
    """Stems words by language. Not safe to share between threads. Cheap to create."""

    __slots__ = ("_by_language", "_by_script")

    def __init__(self) -> None:
        # Size 0: the stemmer's cache would keep people's words in memory.
        self._by_language = {language: Stemmer.Stemmer(name, 0).stemWord for language, name in _STEMMERS.items()}
        self._by_script = [(script, Stemmer.Stemmer(name, 0).stemWord) for name, script in _SCRIPTS]

    def english(self, word: str) -> str:
        """The stem of an English word."""
        return str(self._by_language[ENGLISH](word))

    def stem(self, word: str, language: str | None) -> str:
        """The stem of a normalised word in a text of `language`; None: unknown, so that it is stemmed as English."""
        if not word.isascii():
            if word.isdecimal():
                return "".join(str(unicodedata.decimal(digit)) for digit in word)
            for script, stem in self._by_script:
                if script.search(word):
                    return _arabic(word, stem) if script is _ARABIC else str(stem(word))
        if language == "fr":
            word = _ELISION.sub("", word)
        return str(self._by_language[language or ENGLISH](word))

    def alternatives(self, word: str, languages: Sequence[str] = tuple(_STEMMERS)) -> list[str]:
        """The different stems of `word` in `languages`. The first is English: older rows were stemmed with it."""
        if not word.isascii():
            return list(dict.fromkeys([self.english(word), *(self.stem(word, language) for language in languages)]))
        stemmers = self._by_language
        if "'" in word:
            elided = _ELISION.sub("", word)
            stems = [stemmers[language](elided if language == "fr" else word) for language in languages]
        else:
            stems = [stem(word) for stem in map(stemmers.__getitem__, languages)]
        return list(dict.fromkeys([stemmers[ENGLISH](word), *stems]))


def _arabic(word: str, stem: Callable[[str], str]) -> str:
    """The stem of an Arabic word, however its hamza is written, with or without vowel marks and article."""
    letters = _ARABIC_MARKS.sub("", word).translate(_ARABIC_LETTERS)
    return str(stem(_ARABIC_ARTICLE.sub("", letters)))
