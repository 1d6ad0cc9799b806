"""Claims of changes in an answer's text that the device does not confirm.

A sentence claims a change if it says in the first person or in the passive that something was created, changed or
deleted. Questions, negations and conditions claim nothing. English, German, French, Spanish, Japanese and Arabic.
"""

from __future__ import annotations

import re
from typing import Final

from evals.observed import ItemChange, ShownTurn

_CREATED: Final = r"creat\w*|erstellt|angelegt|cré\w+|cread[oa]s?"
_ADDED: Final = (
    r"added|saved|noted|written|hinzugefügt|gespeichert|notiert|ajouté\w*|enregistré\w*|añadid[oa]s?|guardad[oa]s?"
)
_DELETED: Final = r"deleted|removed|gelöscht|entfernt|supprimé\w*|eliminad[oa]s?|borrad[oa]s?"
_UPDATED: Final = (
    r"updated|changed|moved|marked|completed|finished|closed|renamed|rescheduled|postponed|appended|approved|reopened"
    r"|archived|assigned|set|geändert|aktualisiert|verschoben|erledigt|abgeschlossen|markiert|umbenannt|gesetzt|ergänzt"
    r"|modifié\w*|déplacé\w*|terminé\w*|marqué\w*|renommé\w*|reporté\w*|mis(?:e|es)? à jour"
    r"|actualizad[oa]s?|cambiad[oa]s?|movid[oa]s?|marcad[oa]s?|completad[oa]s?"
)
_VERBS: Final = (
    (re.compile(rf"\b(?:{_CREATED})\b", re.IGNORECASE), {"create"}),
    (re.compile(rf"\b(?:{_ADDED})\b", re.IGNORECASE), {"create", "update"}),
    (re.compile(rf"\b(?:{_DELETED})\b", re.IGNORECASE), {"delete", "update"}),
    (re.compile(rf"\b(?:{_UPDATED})\b", re.IGNORECASE), {"update"}),
)
_ANY: Final = rf"(?:{_CREATED}|{_ADDED}|{_DELETED}|{_UPDATED})"
_SAID: Final = re.compile(
    rf"\bI(?:['’]ve| have)?(?: (?:just|now|also|already|successfully))* (?:{_ANY})\b"
    rf"|\b(?:has|have|were|was)(?: (?:just|now|also|been|successfully))* (?:{_ANY})\b(?! (?:on|by|at|in)\b)"
    rf"|\b(?:is|are) now (?:{_ANY}|done|due)\b"
    rf"|^\W*(?:Done|{_ANY})\b\s*[.!:]"
    rf"|\bich habe\b.*\b(?:{_ANY})\b|\bhabe ich\b.*\b(?:{_ANY})\b|\bwurden?\b.*\b(?:{_ANY})\b|\bist jetzt (?:{_ANY})\b"
    rf"|\bj['’]ai\b.*\b(?:{_ANY})\b|\ba été (?:{_ANY})\b|\bont été (?:{_ANY})\b"
    rf"|\bhe (?:{_ANY})\b|\bse ha (?:{_ANY})\b|\bha sido (?:{_ANY})\b",
    re.IGNORECASE,
)
_NEGATED: Final = re.compile(
    r"\bnot\b|n['’]t\b|\bnothing\b|\bno (?:task|note|project|checkpoint|item|change)s?\b"
    r"|\bnever\b|\bunable\b|\bfailed\b"
    r"|\bnicht|\bkein|\bn['’](?:ai|a|ont)\b|\bpas\b|\brien\b|\bno (?:he|se|ha)\b|\bnada\b"
    r"|^\W*(?:if|once|when|after|wenn|sobald|si|quand|lorsque)\b",
    re.IGNORECASE,
)
_OTHER_SCRIPTS: Final = (
    (re.compile(r"作成(?:し|いたし)ました|追加(?:し|いたし)ました"), {"create", "update"}),
    (re.compile(r"削除(?:し|いたし)ました"), {"delete"}),
    (re.compile(r"(?:更新|変更|移動|完了に|完了と)(?:し|いたし|マークし)*ました"), {"update"}),
    (re.compile(r"(?:^|\s)(?:لقد )?(?:أنشأت|أضفت)|تم(?:ت)? (?:إنشاء|إضافة)"), {"create", "update"}),
    (re.compile(r"(?:^|\s)(?:لقد )?حذفت|تم(?:ت)? حذف"), {"delete"}),
    (re.compile(r"(?:^|\s)(?:لقد )?(?:حدّثت|غيّرت|نقلت)|تم(?:ت)? (?:تحديث|تغيير|نقل|إكمال)"), {"update"}),
)
_NOTHING: Final = re.compile(r"\bnothing was (?:changed|deleted|created)\b|\bes wurde nichts geändert\b", re.IGNORECASE)
_SENTENCE: Final = re.compile(r"[^.!?。！？\n]+[.!?。！？]?")


def claimed_changes(text: str) -> list[tuple[str, set[str]]]:
    """The sentences that claim a change, each with the operations that would make it true."""
    found: list[tuple[str, set[str]]] = []
    for sentence in (match[0].strip() for match in _SENTENCE.finditer(text)):
        if sentence.endswith(("?", "？")) or _NEGATED.search(sentence):
            continue
        operations = {op for pattern, ops in _OTHER_SCRIPTS if pattern.search(sentence) for op in ops}
        if said := _SAID.search(sentence):
            operations |= {op for pattern, ops in _VERBS if pattern.search(said[0]) for op in ops} or {
                "create",
                "update",
                "delete",
            }
        if operations:
            found.append((sentence, operations))
    return found


def false_claims(turn: ShownTurn, changes: list[ItemChange]) -> list[str]:
    """What the answer to `turn` or the server says about changes, and the device's `changes` of the turn deny."""
    made = {change.op for change in changes}
    faults = [
        f"claims a change that was not made: {sentence!r}"
        for sentence, operations in claimed_changes(turn.text)
        if not operations & made
    ]
    if made and _NOTHING.search(turn.text):
        faults.append("says that nothing was changed, but something was")
    listed, real = sorted(turn.mutations), sorted((change.op, change.entity, change.id) for change in changes)
    if listed != real and not turn.outcome.startswith("refused"):
        faults.append(f"stream_end lists the changes {listed}, the device made {real}")
    return faults
