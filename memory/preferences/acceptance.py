"""The one step that every preference passes before it is stored, whether rules or a model found it.

A preference goes into every later prompt, and a model may be misled by the text that it reads. So a preference of a
model needs evidence: a sentence in which the person says it about themselves. The answer, the results of tools and
recalled texts do not count as evidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from memory.preferences.own_words import own_sentences
from memory.preferences.preference import Preference
from memory.preferences.words import LANGUAGES
from memory.tiers import WELL_KNOWN

KNOWN: Final = WELL_KNOWN | {"diet"}
"""Names of preferences that may have values of any content. Other names need short values."""
FAMILIES: Final = ("allergy", "avoids", "dislikes", "favourite", "likes", "prefers")
"""Names of preferences of which a person has several: "allergy_cats"."""

_MAX_KEY_CHARS: Final = 60
_MAX_KEY_WORDS: Final = 6
_MAX_VALUE_CHARS: Final = 120
_MAX_WORDS: Final = 8
# A value that a model may write in other words than the person.
_NORMALISED: Final = frozenset({
    "answer_style", "answer_length", "tone", "units", "currency", "date_format", "time_format", "time_zone",
    "week_start", "working_hours", "diet", "pronouns", "birthday",
})  # fmt: skip
_LINK: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://|\bwww\.|\S@\S+\.\w|\b[\w-]+\.(?:com|org|net|io|dev|example|de|fr|es|jp)\b|[<>{}\[\]`|]",
    re.IGNORECASE,
)
_INSTRUCTION: Final = re.compile(
    r"\b(?:ignor\w*|disregard\w*|override\w*|overrule\w*|instructions?|prompts?|password\w*|passwort\w*|api.?keys?"
    r"|credentials?|send|forward|execute|reveal|obey|pretend|you (?:must|should|are|will)"
    r"|(?:always|never) (?:say|answer|reply|tell|call|run|use the)|sende|schick\w*|ignorier\w*|envoie\w*|oublie"
    r"|env[ií]a\w*|ignora\w*|無視|送信)\b|無視|送信",
    re.IGNORECASE,
)
_QUESTION: Final = re.compile(r"[?？]\s*$")
_POLITE: Final = re.compile(
    r"^\W*(?:please |bitte )?(?:could|can|would|will) you\b|^\W*(?:kannst|könntest) du\b|^\W*(?:peux|pourrais)-tu\b"
    r"|^\W*¿?(?:puedes|podrías)\b",
    re.IGNORECASE,
)
_CLAUSE: Final = re.compile(
    r"[,;、]|\s+(?:and|but|so|because|und|aber|weil|et|mais|parce que|y|pero|porque)\s+", re.IGNORECASE
)
_OPEN: Final = re.compile(
    r"\b(?:might|(?-i:may)|maybe|perhaps|probably|wish|want to"
    r"|going to|plan to|hope to|could|should|would(?! like you to)"
    r"|(?:i|we)['’]d (?!prefer|rather|like you)|vielleicht|würde|könnte|möchte|will nach|peut-être|aimerais|voudrais"
    r"|quizás?|tal vez|gustaría|podría)\b|たい(?:です|と)|かもしれ",
    re.IGNORECASE,
)
_SOMEBODY_ELSE: Final = re.compile(
    r"\b(?:my|our|his|her|their|your) (?:\w+ )?(?:wife|husband|partner|girlfriend|boyfriend|son|daughter|kids?|children"
    r"|child|baby|mother|father|mum|mom|dad|parents|brother|sister|aunt|uncle|cousin|friends?|boss|colleague|coworker"
    r"|neighbou?r|team|client|dog|cat|doctor|landlord|teacher|roommate|flatmate|grand\w+)(?:['’]s)?\b"
    r"|(?:^|[,;.]\s*|\b(?:and|but|that|because) )(?:he|she|they|it|you)\b(?!['’]?d? (?:can|could) )"
    r"|\b(?:he|she|they) (?:said|says|told|wrote|wants|likes|lives|works)\b"
    r"|^\W*(?:[A-ZÄÖÜ]\w+) (?:is|lives|works|likes|hates|loves|prefers|has|wohnt|arbeitet|mag|habite|aime|vive)\b"
    r"|\b(?:meine?[mnr]?|ihre?|seine?) (?:frau|mann|sohn|tochter|kind|mutter|vater|bruder|schwester|freund\w*|chef\w*"
    r"|kolleg\w+|hund|katze)\b|^\W*(?:er|sie) \w+t\b"
    r"|\b(?:ma|mon|sa|son) (?:femme|mari|fils|fille|mère|père|frère|sœur|soeur|ami\w*|chef|chien|chat|copine|copain)\b"
    r"|^\W*(?:il|elle|ils|elles)\b"
    r"|\b(?:mi|su) (?:mujer|esposa|esposo|marido|hijo|hija|madre|padre|hermano|hermana|amig[oa]|jefe|jefa|perro|gato)\b"
    r"|^\W*(?:él|ella|ellos|ellas)\b|(?:妻|夫|息子|娘|母|父|兄|姉|弟|妹|友達|上司|彼女?)(?:は|の)",
    re.IGNORECASE,
)
_SELF: Final = re.compile(
    r"\b(?:i|i['’]?m|im|i['’]ve|me|my|mine|we|our|ich|mir|mich|meine?[mnr]?|wir|je|j['’]\w+|moi|m['’]\w+|mon|ma|mes|nous|yo|mi"
    r"|mis|soy|vivo|trabajo|tengo|prefiero|llámame|odio|como|nací|sigo|estoy)\b"
    r"|^\W*(?:please |from now on,? |always |never |only |bitte "
    r"|actually,? )*(?:call|answer|reply|respond|write|speak|talk|use"
    r"|keep|be|show|start|avoid|don['’]?t|do not|never|always|pronouns|antworte|schreib|sprich|nenn|fass|duz|réponds"
    r"|répondez|parle|appelle|responde|contesta|habla)\w*\b"
    r"|[\u3040-\u30ff]",
    re.IGNORECASE,
)
_NEGATED: Final = re.compile(
    r"\b(?:not|never|no longer|cannot|nor|neither|nicht|kein\w*|nie|ne"
    r"|pas|jamais|nunca|jamás)\b|n['’]t\b|\bn['’]\w|^\W*no\b(?! emoji)"
    r"|ません|ない(?:です)?(?:。|$)",
    re.IGNORECASE,
)
_TAKEN_BACK: Final = re.compile(
    r"\b(?:no longer|any ?more|any longer|quit|left|stopped|used to|nicht mehr|kein\w* \w+ mehr|plus|ya no)\b|もう",
    re.IGNORECASE,
)


def accepted(found: Iterable[Preference], message: str, *, evidence: bool) -> list[Preference]:
    """Those of `found` that may be stored. `message` is what the person said.

    `evidence`: a sentence of `message` must say it. Rules need none, because they read only such sentences.
    """
    sentences = own_sentences(message) if evidence else []
    return [
        one
        for one in found
        if _is_sound(one) and (not evidence or any(_is_said(one, sentence) for sentence in sentences))
    ]


def _is_sound(preference: Preference) -> bool:
    """Whether the name and the value are short, and neither an instruction nor a link."""
    key, value = preference.key, preference.value
    words = key.replace("_", " ").split()
    if not words or len(key) > _MAX_KEY_CHARS or len(words) > _MAX_KEY_WORDS or _is_unsafe(" ".join(words)):
        return False
    if value is None:
        return True
    if not value.strip() or len(value) > _MAX_VALUE_CHARS or "\n" in value or _is_unsafe(value):
        return False
    return key in KNOWN or len(value.split()) <= _MAX_WORDS


def _is_unsafe(text: str) -> bool:
    return any(pattern.search(text) for pattern in (_LINK, _INSTRUCTION)) or not text.isprintable()


def _is_said(preference: Preference, sentence: str) -> bool:
    """Whether the person says this about themselves in the sentence, or takes it back."""
    if _SOMEBODY_ELSE.search(sentence):
        return False
    clauses = [clause for clause in _CLAUSE.split(sentence) if clause.strip()]
    if _QUESTION.search(sentence) and not _POLITE.match(sentence):
        clauses = clauses[:-1]
    if not any(_SELF.search(clause) for clause in clauses):
        return False
    if preference.value is None:
        return any(_TAKEN_BACK.search(clause) for clause in clauses)
    return any(_says(preference.key, preference.value, clause) for clause in clauses)


def _says(key: str, value: str, clause: str) -> bool:
    if _OPEN.search(clause) and not _POLITE.match(clause):
        return False
    negative = key.startswith(("avoids", "dislikes", "answer_style", "likes_no")) or _NEGATED.search(value) is not None
    if _NEGATED.search(clause) and not negative:
        return False
    text, said = _folded(clause), _folded(value).split()
    if key == "language":
        return any(name in text for name, language in _FOLDED_LANGUAGES if language == value.casefold())
    if key in _NORMALISED:
        return _NEGATED.search(clause) is None or negative
    return all(word in text for word in said)


def _folded(text: str) -> str:
    """`text` without case and accents."""
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(character)
    )


_FOLDED_LANGUAGES: Final = [(_folded(name), language.casefold()) for name, language in LANGUAGES.items()]
