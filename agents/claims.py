"""What an answer says about changes of the person's items: that one was made, that none was made, or a question.

Pure, for the languages of `person/catalogues`: English, German, French, Spanish, Japanese and Arabic. Others are in
`agents/claims_elsewhere.py`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from agents.claims_elsewhere import SIGNS, claims_elsewhere, first_words, may_claim

_I: Final = re.IGNORECASE
# Verbs of changes, as participles. German, French and Spanish ones by their stems.
_DONE: Final = (
    r"(?:added|approved|archived|assigned|cancell?ed|changed|checked off|cleared|closed|completed|created|deleted|"
    r"edited|erased|finished|marked|moved|postponed|pushed|removed|renamed|reopened|replaced|rescheduled|saved|"
    r"scheduled|set|ticked off|unassigned|updated|got rid of|gotten rid of|taken care of|made|put|"
    r"gelöscht|entfernt|erledigt|hinzugefügt|erstellt|angelegt|geändert|aktualisiert|verschoben|umbenannt|markiert|"
    r"abgeschlossen|gespeichert|abgehakt|archiviert|eingetragen|gesetzt|"
    r"supprimée?s?|ajoutée?s?|créée?s?|modifiée?s?|mise?s? à jour|déplacée?s?|renommée?s?|terminée?s?|marquée?s?|"
    r"effacée?s?|enregistrée?s?|reportée?s?|archivée?s?|"
    r"eliminad[oa]s?|borrad[oa]s?|añadid[oa]s?|agregad[oa]s?|cread[oa]s?|modificad[oa]s?|actualizad[oa]s?|movid[oa]s?|"
    r"renombrad[oa]s?|completad[oa]s?|marcad[oa]s?|guardad[oa]s?|terminad[oa]s?|archivad[oa]s?)"
)
_ITEM: Final = (
    r"(?:tasks?|to-?dos?|reminders?|notes?|projects?|checkpoints?|milestones?|"
    r"aufgaben?|notiz(?:en)?|projekte?|erinnerung(?:en)?|meilensteine?|"
    r"tâches?|projets?|rappels?|jalons?|tareas?|notas?|proyectos?|recordatorios?|hitos?)"
)
_PRONOUN: Final = r"(?:it|them|both|all|that|this|everything|sie|es|ihn|beide|alles|le|la|les|tout|todo|ambas|ambos)"
# What the model wrote itself, or shows in the answer.
_WORK: Final = re.compile(
    r"\b(?:charts?|graphs?|diagrams?|tables?|timelines?|summar(?:y|ies)|overviews?|lists?|reports?|plans?|views?|"
    r"poems?|wording|texts?|analys[ie]s|drafts?|letters?|e-?mails?|messages?|sentences?|paragraphs?|commas?|essays?|"
    r"stor(?:y|ies)|recipes?|ingredients?|codes?|examples?|outlines?|versions?|translations?|answers?|windows?|"
    r"gedichte?|liste|tabelle|diagramm|zusammenfassung|entwurf|analyse|übersicht|"
    r"poème|tableau|graphique|résumé|brouillon|poema|lista|tabla|gráfico|resumen|borrador|análisis)\b",
    _I,
)
_NEGATED: Final = re.compile(
    r"\b(?:not|no|never|nothing|none|cannot|can't|couldn't|could not|didn't|haven't|hasn't|wasn't|isn't|won't|unable|"
    r"failed|nicht|nichts|kein\w*|konnte|pas|rien|aucune?|ne|n'ai|impossible|ningun[oa]?|nada|sin)\b",
    _I,
)
_IF: Final = re.compile(
    r"\b(?:if|when|once|before|after|until|should|shall|can|could|would|will|yesterday|ago|on (?:mon|tues|wednes|thurs|"
    r"fri|satur|sun)day|last (?:week|month|year)|wenn|falls|soll|kann|gestern|si|dois|peux|hier|cuando|puedo|ayer)\b",
    _I,
)
_ADVERBS: Final = (
    r"(?:[ ,]+(?:just|now|also|successfully|already|gone ahead and|went ahead and|jetzt|nun|bereits|bien|ya|déjà))*"
)
_DID: Final = r"(?:eliminé|borré|añadí|agregué|creé|modifiqué|actualicé|moví|completé|marqué|guardé)"
_AGENT: Final = re.compile(
    rf"(?:\b(?:i|we)(?:['’]ve| have)?{_ADVERBS} {_DONE}\b"
    rf"|\b(?:ich habe|habe ich|wir haben)\b[^.!?\n]{{0,150}}?\b{_DONE}\b"
    rf"|\bj['’]ai{_ADVERBS} {_DONE}"
    rf"|\b(?:he|hemos){_ADVERBS} {_DONE}"
    rf"|\b{_DID}\b)",
    _I,
)
_OBJECT_AFTER: Final = re.compile(
    rf"{_AGENT.pattern}(?P<object>[^.!?\n:]*)",
    _I,
)
_PASSIVE: Final = re.compile(
    rf"\b(?:has|have|is now|are now|was|were|is|are)(?: been)?{_ADVERBS} (?:{_DONE}|gone)\b"
    rf"|\b(?:wurden?|ist|sind)\b[^.!?\n]{{0,150}}\b{_DONE}\b"
    rf"|\b(?:a|ont) été{_ADVERBS} {_DONE}|\best{_ADVERBS} {_DONE}"
    rf"|\b(?:ha|han) sido{_ADVERBS} {_DONE}|\bse (?:ha|han) {_DONE}",
    _I,
)
_BARE: Final = re.compile(rf"^\W*(?:successfully )?{_DONE}\b", _I)
_ITEM_DONE: Final = re.compile(rf"\b{_ITEM}\b(?: [\"“«„][^\"”»“\n]*[\"”»“])?(?: is| are)?{_ADVERBS} {_DONE}\b", _I)
_NOUN: Final = re.compile(rf"\b{_ITEM}\b", _I)
_POINTS: Final = re.compile(rf"^\W*{_PRONOUN}\b", _I)
_ALONE: Final = re.compile(
    r"^\W*(?:(?:ok|okay|sure|great|klar|gut)\W+)?(?:done|all set|all done|removed|deleted|completed|created|added|"
    r"updated|erledigt|gelöscht|fertig|c['’]est fait|fait|supprimée?|hecho|listo|eliminad[oa]|borrad[oa])\W*$",
    _I,
)
# Japanese and Arabic, without word boundaries between a particle and its noun.
_ACTIVE_ELSEWHERE: Final = re.compile(
    r"(?:(?:を|は)?(?:削除|消去|追加|作成|登録|変更|更新|修正|移動|延期|アーカイブ|保存)|完了(?:済み)?に|を完了)(?:いた)?し(?:ておき)?ました|"
    r"(?:حذفت|أزلت|أضفت|أنشأت|حدّ?ثت|عدّ?لت|غيّ?رت|نقلت|أكملت|أنهيت|أجّ?لت|أرشفت|وضعت علامة|قمت ب)"
)
_PASSIVE_ELSEWHERE: Final = re.compile(
    r"(?:削除|消去|追加|作成|登録|変更|更新|修正|移動|延期|保存)されました|が?完了しました|"
    r"تمت? (?:حذف|إزالة|إضافة|إنشاء|تحديث|تعديل|تغيير|نقل|إكمال|إنهاء|تأجيل|أرشفة|وضع)"
)
_ITEM_ELSEWHERE: Final = re.compile(
    r"タスク|メモ|ノート|プロジェクト|リマインダー|チェックポイント|マイルストーン|مهم[ةت]|المهام|ملاحظ[ةا]|مشروع|المشاريع|تذكير"
)
_NOT_ELSEWHERE: Final = re.compile(
    r"先週|先月|昨日|以前|グラフ|リスト|一覧|要約|下書き|タイムライン|チャート|表を|詩|メール|"
    r"\b(?:لم|لا|لن|ليس|تعذر|يتعذر|أمس|إذا|قائمة|جدول|مخطط|ملخص|رسم)\b"
)
# The letters of these languages: one of them is in everything that the patterns above match.
_LETTER_ELSEWHERE: Final = re.compile(r"[\u0600-\u06ff\u3040-\u30ff\u4e00-\u9fff]")
# Every claim has one of these words. Most sentences have none, and one search is faster than all of the others.
_CLAIM: Final = re.compile(rf"\b(?:{_DONE}|{_DID}|gone|done|fertig|fait|hecho|listo)\b")
# The first words of all claims. Looking for words is faster than a search, and one time for all sentences is enough.
_SIGNS: Final = SIGNS | first_words(_DONE) | first_words(_DID) | {"gone", "done", "fertig", "fait", "hecho", "listo"}
_ALL: Final = re.compile(
    r"\b(?:both|all|everything|every|beide|alle|alles|tous|toutes|les deux|todas?|todos?|ambas|ambos)\b", _I
)
_SENTENCE: Final = re.compile(r"[^.!?。！？؟\n]+[.!?。！？؟]*")
_MARKUP: Final = re.compile(r'\\n|"(?:type|content)"\s*:\s*|"text"\s*,|[\[\]{}]')
_UNICODE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_POLITE: Final = re.compile(
    r"\b(?:anything|something) else|\belse (?:can|could|should|may)\b|\bhelp (?:you )?(?:with|further)|\bmore help\b|"
    r"\bsonst noch|\bnoch etwas|\bautre chose|\balgo más",
    _I,
)


def sentences(answer: str) -> list[str]:
    """The sentences of an answer, as text or as blocks."""
    return _sentences_of(_text_of(answer))


def _text_of(answer: str) -> str:
    text = _MARKUP.sub(" ", answer).replace('\\"', '"')
    return _UNICODE.sub(lambda found: chr(int(found[1], 16)), text) if "\\u" in text else text


def _sentences_of(text: str) -> list[str]:
    return [sentence for found in _SENTENCE.findall(text) if (sentence := found.strip(' "'))]


def claims_change(answer: str, titles: Collection[str] = (), *, asked: bool = False, read: bool = False) -> bool:
    """Whether an answer claims that the person's items were changed.

    `titles`: of items of the request. `asked`: the request was for a change, so that also "Done." is a claim. `read`:
    the model read items, so the passive voice may report earlier changes.
    """
    text = _text_of(answer)
    # Most answers have no word of a claim.
    if not may_claim(text, _SIGNS) and (text.isascii() or _LETTER_ELSEWHERE.search(text) is None):
        return False
    return any(_claims(sentence, titles, asked=asked, read=read) for sentence in _sentences_of(text))


def refuses(answer: str) -> bool:
    """Whether an answer says that something was not done, or can't be done, and claims no change."""
    return not claims_change(answer, asked=True) and any(_NEGATED.search(sentence) for sentence in sentences(answer))


def asks_back(answer: str) -> bool:
    """Whether an answer asks the person something, and claims no change. A polite offer of help does not count."""
    asked = [sentence for sentence in sentences(answer) if sentence.endswith(("?", "？", "؟", "か。"))]
    return not claims_change(answer, asked=True) and any(not _POLITE.search(question) for question in asked)


def claims_all(answer: str) -> bool:
    """Whether an answer that reports several changes says of none that it failed."""
    return claims_change(answer, asked=True) and not any(_NEGATED.search(one) for one in sentences(answer))


def _claims(sentence: str, titles: Collection[str], *, asked: bool, read: bool) -> bool:
    question = sentence.endswith(("?", "？", "؟", "か。"))
    if not sentence.isascii() and _claims_in_other_script(sentence, titles, asked=asked, read=read):
        return not question
    if not question and claims_elsewhere(sentence, titles, asked=asked, read=read):
        return True
    if _CLAIM.search(sentence.lower()) is None or _NEGATED.search(sentence):
        return False
    named = _NOUN.search(sentence) is not None or any(
        len(t) > 2 and t.casefold() in sentence.casefold() for t in titles
    )
    for found in _OBJECT_AFTER.finditer(sentence):
        words = found["object"]
        work, item = _WORK.search(found[0]), _NOUN.search(found[0])
        if work is not None and (item is None or work.start() < item.start()):
            continue
        if not question and (named or asked or _POINTS.match(words)):
            return True
    if _IF.search(sentence):
        return False
    if _BARE.match(sentence) and (named or asked) and not _is_work(sentence):
        return True
    if question:
        return False
    if asked and _ALONE.match(sentence):
        return True
    if _is_work(sentence):
        return False
    if _ITEM_DONE.search(sentence) and (not read or not re.search(r"\b(?:is|are)\b", sentence)):
        return True
    return not read and (named or asked) and _PASSIVE.search(sentence) is not None


def _claims_in_other_script(sentence: str, titles: Collection[str], *, asked: bool, read: bool) -> bool:
    """Whether a sentence in Japanese or Arabic claims a change, questions included."""
    if _LETTER_ELSEWHERE.search(sentence) is None:
        return False
    claims = _ACTIVE_ELSEWHERE.search(sentence) or (not read and _PASSIVE_ELSEWHERE.search(sentence))
    if not claims or _NOT_ELSEWHERE.search(sentence):
        return False
    return asked or _ITEM_ELSEWHERE.search(sentence) is not None or any(len(t) > 1 and t in sentence for t in titles)


def _is_work(sentence: str) -> bool:
    work, item = _WORK.search(sentence), _NOUN.search(sentence)
    return work is not None and (item is None or work.start() < item.start())
