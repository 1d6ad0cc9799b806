"""Whether an answer says something about the person's items, such as how many there are or when one is due.

Pure, for English, German, French, Spanish, Japanese and Arabic.
"""

from __future__ import annotations

import re
from typing import Final

from agents.claims import sentences

_I: Final = re.IGNORECASE
_QUESTION: Final = re.compile(r"[?？؟]$|か。$")
# What the assistant can, cannot or will do, or asks for, says nothing about the items.
_ABOUT_ITSELF: Final = re.compile(
    r"\b(?:i(?:['’]m| am) (?:here|ready|happy|glad|able|unable|not|your|an?)|i (?:can|could|would|may|need|have to|"
    r"must|should|will|do not|did not|have not|cannot)\b|i(?:['’]ll|['’]d)|i \w+n['’]t|let me|"
    r"please|tell me|if you|feel free|you can (?:ask|tell|say)|help you|"
    r"ich (?:kann|könnte|habe kein\w*|brauche|muss|werde|bin)|kann ich|bitte|wenn (?:du|sie)|"
    r"je (?:peux|ne|n['’]ai|suis|vais|dois)|puis-je|s['’]il (?:te|vous)|si (?:tu|vous)|"
    r"(?:no )?(?:puedo|podría|tengo que|necesito|soy|estoy)|por favor|si quieres)\b"
    r"|ください|できません|できます|お手伝い|申し訳|لا أستطيع|لا يمكنني|يمكنني|من فضلك|أحتاج|عذر",
    _I,
)
_NUMBER: Final = (
    r"(?:\d+|no|zero|one|two|three|four|five|six|seven|eight|nine|ten|\w+teen|\w+ty|none|nothing|several|many|some|"
    r"kein\w*|nichts|ein\w?|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|\w+zig|mehrere|"
    r"aucune?|rien|une?|deux|trois|quatre|cinq|sept|huit|neuf|dix|plusieurs|"
    r"ningun[oa]?|nada|un[oa]?|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|vari[oa]s)"
)
_COUNT_ALONE: Final = re.compile(rf"^\W*(?:(?:only|just|nur|seulement|solo)\s+)?{_NUMBER}(?:\s+\w+)?\W*$", _I)
_ITEM: Final = re.compile(
    r"\b(?:tasks?|to-?dos?|reminders?|notes?|projects?|checkpoints?|milestones?|deadlines?|appointments?|meetings?|"
    r"agenda|overdue|due|pending|in progress|completed|unfinished|"
    r"aufgaben?|notiz(?:en)?|projekte?|erinnerung(?:en)?|meilensteine?|termine?|überfällig\w*|fällig\w*|erledigt|"
    r"tâches?|notes?|projets?|rappels?|jalons?|échéances?|rendez-vous|en retard|"
    r"tareas?|notas?|proyectos?|recordatorios?|hitos?|citas?|vence\w*|pendientes?|atrasad[oa]s?)\b"
    r"|タスク|ノート|メモ|プロジェクト|期限|予定|件|مهام|مهمة|مشروع|مشاريع|ملاحظ|موعد|مواعيد",
    _I,
)
_YOURS: Final = re.compile(
    rf"\b(?:you(?:['’]ve| have)(?: got)?|you(?:['’]re| are)|there(?:['’]s| is| are)|"
    rf"(?:du|sie) (?:hast|haben|bist|sind)|es gibt|(?:tu as|vous avez|tu es|vous êtes)|il y a|"
    rf"tienes?|tiene usted|hay|está[s]?)\s+(?:{_NUMBER}|free|busy|on track|behind|late|done|frei|libre|al día)\b",
    _I,
)
_WHEN: Final = re.compile(
    r"^\W*(?:it|that|this|they|both|the \w+|your \w+|es|sie|er|ils?|elles?)(?:['’]s| is| are| ist| sind| est| sont)\b.*"
    r"\b(?:on (?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow|yesterday|next \w+|done|open|late|"
    r"heute|morgen|gestern|am \w+tag|offen|aujourd['’]hui|demain|hier|lundi|mardi|mercredi|jeudi|vendredi)\b",
    _I,
)
# A run of empty lines is read once, not once for each of them.
_LIST: Final = re.compile(r"(?:^\s*|\n[^\S\n]*)(?:[-*•]|\d{1,2}[.)])\s+\S")
_DATA_BLOCK: Final = re.compile(r'"type"\s*:\s*"(?:chart|table|timeline)"')


def claims_items(answer: str) -> bool:
    """Whether an answer states something about the person's items. Questions, greetings and offers of help do not."""
    said = [sentence for sentence in sentences(answer) if not _QUESTION.search(sentence)]
    own = [sentence for sentence in said if _ABOUT_ITSELF.search(sentence)]
    if _DATA_BLOCK.search(answer) or (not own and _LIST.search(answer.replace("\\n", "\n"))):
        return True
    # The list after an offer ("I can help you with:") is part of the offer.
    return any(_states(sentence) for sentence in said if sentence not in own and not (own and _LIST.match(sentence)))


def _states(sentence: str) -> bool:
    return any(pattern.search(sentence) for pattern in (_COUNT_ALONE, _ITEM, _YOURS, _WHEN))
