"""Pure text analysis: index terms, dates, stop words, sentences, what an exchange says, the text of entities, and
the text of a memory as the person reads it.

Nothing here does I/O or knows about keys.
"""

from __future__ import annotations

from memory.text.analyser import Analyser, telling_words, without_stamp
from memory.text.dates import WEEKDAYS
from memory.text.entities import entity_text
from memory.text.languages import ENGLISH, FUNCTION_WORDS, Stemmers, language_of, written_language
from memory.text.said import Said, Statement, is_specific
from memory.text.sentences import fragments_of, is_question, sentences_of
from memory.text.shown_text import shown, shown_name, shown_title, shown_value
from memory.text.unicode import well_formed

__all__ = [
    "ENGLISH",
    "FUNCTION_WORDS",
    "WEEKDAYS",
    "Analyser",
    "Said",
    "Statement",
    "Stemmers",
    "entity_text",
    "fragments_of",
    "is_question",
    "is_specific",
    "language_of",
    "sentences_of",
    "shown",
    "shown_name",
    "shown_title",
    "shown_value",
    "telling_words",
    "well_formed",
    "without_stamp",
    "written_language",
]
