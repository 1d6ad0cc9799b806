"""Whether a text is about what the person asks to forget: "my landlord's number". Pure.

All words of the subject must be in the text, in any of their forms. What belongs to somebody else does not count:
"forget my number" is not about "my landlord's number is 555".
"""

from __future__ import annotations

import re
from typing import Final

from memory.text import FUNCTION_WORDS, Analyser, Stemmers, language_of

_MINE: Final = re.compile(
    r"^(?:about )?(?:my|our|mein\w*|unser\w*|mon|ma|mes|notre|nos|mis?|nuestr\w+)\s+(?P<thing>[\w-]+(?: [\w-]+)?)$",
    re.IGNORECASE,
)
# The words around a thing of somebody else, as patterns for `str.format`.
_OTHERS: Final = (
    r"\b(?:his|her|their|your|seine?\w*|ihre?\w*|eure?\w*|son|sa|ses|leurs?|sus?)\s+(?:\w+\s+)?{thing}\b",
    r"\b(?!(?:it|that|this|here|there|what|he|she)['’]s)(?:\w+['’]s|\w+s['’])\s+(?:(?!my\b|our\b)\w+\s+)?{thing}\b",
    (
        r"\b{thing}\s+(?:of|de|d['’]|von)\s*(?:my|our|his|her|their|mon|ma|mes|son|sa|ses|notre|nos|leurs?|mis?"
        r"|sus?|nuestr\w+"
        r"|mein\w*|unser\w*|seine\w*|ihre\w*|(?-i:[A-ZÀ-Þ]))"
    ),
    r"\b{thing}\s+(?:meine[rs]|unser(?:e[rs]|s)|seine[rs]|ihre[rs])\b",
)
# Words for the well-known preferences, whose names are English: "forget my name" is about `preferred_name`.
_NAMES: Final = {
    "preferred": "name heiße appelle nom prénom nombre llamo 名前 اسمي",
    "home": "live city town wohne wohnort stadt habite ville vivo ciudad 住んで أعيش مدينتي",
    "employer": "work job company arbeite arbeitgeber firma travaille employeur trabajo empresa 働いて 勤務先 أعمل",
    "birthday": "born geburtstag geboren anniversaire né cumpleaños nací 誕生日 ميلادي",
    "diet": "ernährung régime dieta",
    "allergy": "allergic allergie allergisch allergique alergia alérgico アレルギー حساسية",
    "language": "sprache langue idioma 言語 لغتي",
}


class SubjectWords:
    """The words of a subject. Not safe to share between threads, because of its stemmers."""

    def __init__(self, subject: str) -> None:
        self._stemmers, self._analyser = Stemmers(), Analyser()
        found = list(self._analyser.words(subject))
        language = language_of(word.written for word in found)
        known = [] if language is None else FUNCTION_WORDS[language]
        telling = [word for word in found if word.written not in known] or found
        self._wanted = [self._forms(word.term, word.written) for word in telling]
        mine = _MINE.match(subject.strip())
        others = "|".join(_OTHERS).replace("{thing}", re.escape(mine["thing"])) if mine is not None else None
        self._others = re.compile(others, re.IGNORECASE) if others is not None else None

    def in_text(self, text: str) -> bool:
        """Whether a sentence is about the subject."""
        forms: set[str] = set()
        for word in self._analyser.words(text):
            forms |= self._forms(word.term, word.written)
        if not self._wanted or any(forms.isdisjoint(wanted) for wanted in self._wanted):
            return False
        return self._others is None or self._others.search(text) is None

    def in_preference(self, name: str, value: object) -> bool:
        """Whether a preference is about the subject."""
        also = _NAMES.get(name.partition("_")[0], "")
        return self.in_text(f"{name.replace('_', ' ')} {also} {value}")

    def _forms(self, term: str, written: str) -> set[str]:
        return {term} if " " in written else {term, *self._stemmers.alternatives(written)}
