"""Claims of changes in languages that the catalogues of sentences do not have: one table of words for each.

Italian, Portuguese, Dutch, Swedish, Turkish, Polish, Russian, Chinese and Korean. A claim needs a verb in the first
person, or the passive voice, next to a word for an item. Sentences with a negation, a condition or something that the
model wrote itself do not count.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import product
from typing import Final

_I: Final = re.IGNORECASE


@dataclass(frozen=True, slots=True)
class _Language:
    did: re.Pattern[str]
    """The speaker made a change."""
    was: re.Pattern[str]
    """A change was made."""
    item: re.Pattern[str]
    no_claim: re.Pattern[str]


def _language(did: str, was: str, item: str, no_claim: str) -> _Language:
    return _Language(*(re.compile(words, _I) for words in (did, was, item, no_claim)))


_IT: Final = (
    r"(?:aggiunt|creat|eliminat|cancellat|rimoss|modificat|aggiornat|spostat|rinominat|completat|segnat|contrassegnat|"
    r"archiviat|salvat|impostat|assegnat|rinviat|chius)"
)
_PT: Final = (
    r"(?:adicionad|criad|excluíd|apagad|removid|eliminad|alterad|atualizad|movid|renomead|concluíd|marcad|arquivad|"
    r"salv|guardad|definid|agendad|adiad|finalizad)"
)
_NL: Final = (
    r"(?:toegevoegd|aangemaakt|verwijderd|gewist|gewijzigd|bijgewerkt|verplaatst|hernoemd|voltooid|afgerond|gemarkeerd|"
    r"gearchiveerd|opgeslagen|ingesteld|uitgesteld|afgevinkt)"
)
_SV_DID: Final = (
    r"(?:lagt till|skapat|tagit bort|raderat|ändrat|uppdaterat|flyttat|döpt om|markerat|slutfört|arkiverat|sparat)"
)
_SV_WAS: Final = r"(?:lagts till|skapats|tagits bort|raderats|ändrats|uppdaterats|flyttats|markerats|slutförts|sparats)"
_PL: Final = (
    r"(?:dodan|utworzon|usunięt|zmienion|zaktualizowan|przeniesion|przesunięt|oznaczon|ukończon|zakończon|zapisan|"
    r"zarchiwizowan)"
)
_RU: Final = (
    r"(?:добавлен|создан|удал[её]н|измен[её]н|обновл[её]н|перемещ[её]н|перенес[её]н|переименован|заверш[её]н|отмечен|"
    r"сохран[её]н|отложен)"
)
# "已完成的任务" means "completed tasks" and claims nothing.
_ZH: Final = r"(?:添加|创建|新建|删除|移除|修改|更改|更新|移动|推迟|重命名|完成|标记|归档|保存|设置|设为)(?!的)"
_KO: Final = r"(?:추가|생성|삭제|수정|변경|업데이트|이동|완료|표시|보관|저장|연기|설정)"

_PT_DID: Final = (
    r"(?:adicionei|criei|excluí|apaguei|removi|eliminei|alterei|atualizei|movi|renomeei|concluí|marquei|arquivei|"
    r"salvei|guardei|defini|agendei|adiei|finalizei)"
)
_TR_DID: Final = (
    r"(?:ekledim|oluşturdum|sildim|kaldırdım|değiştirdim|güncelledim|taşıdım|işaretledim|tamamladım|arşivledim|"
    r"kaydettim|erteledim)"
)
_TR_WAS: Final = (
    r"(?:eklendi|oluşturuldu|silindi|kaldırıldı|değiştirildi|güncellendi|taşındı|işaretlendi|arşivlendi|ertelendi)"
)

_LANGUAGES: Final = (
    _language(
        rf"\b(?:ho|abbiamo)\b(?: \w+)? {_IT}[oaei]\b",
        rf"\b(?:è stat[oa]|sono stat[ie])\b(?: \w+)? {_IT}[oaei]\b",
        r"\b(?:attività|compit[oi]|not[ae]|progett[oi]|promemoria|traguard[oi])\b",
        r"\b(?:non|nessun\w*|se|quando|ieri|elenc\w+|list[ae]|grafic\w+|tabell\w+|riassunt\w+|bozz[ae]|testo)\b",
    ),
    _language(
        rf"\b{_PT_DID}\b",
        rf"\b(?:foi|foram)\b(?: \w+)? {_PT}[oa]s?\b",
        r"\b(?:tarefas?|notas?|projet[oa]s?|lembretes?|marcos?)\b",
        r"\b(?:não|nenhum\w*|nada|se|quando|ontem|listas?|gráficos?|tabelas?|resumos?|rascunhos?|textos?)\b",
    ),
    _language(
        rf"\bik (?:heb|had)\b[^.!?\n]{{0,200}}\b{_NL}\b",
        rf"\b(?:is|zijn|werd|werden)\b[^.!?\n]{{0,200}}\b{_NL}\b",
        r"\b(?:taak|taken|notities?|project(?:en)?|herinnering(?:en)?|mijlpa(?:al|len))\b",
        r"\A\W*als\b|\b(?:niet|geen|niets|wanneer|gisteren|lijst|grafiek|tabel|samenvatting|concept|tekst)\b",
    ),
    _language(
        rf"\bjag har\b[^.!?\n]{{0,200}}\b{_SV_DID}\b",
        rf"\bhar\b[^.!?\n]{{0,200}}\b{_SV_WAS}\b",
        r"\b(?:uppgift(?:en|er|erna)?|anteckning(?:en|ar|arna)?|projekt(?:et|en)?|påminnelse[nr]?)\b",
        r"\b(?:inte|ingen|inget|om|när|igår|listan?|diagram|tabell|sammanfattning|utkast|text)\b",
    ),
    _language(
        rf"\b{_TR_DID}\b",
        rf"\b{_TR_WAS}\b",
        r"\b(?:görev\w*|not(?:u|unuz\w*|lar\w*)|proje\w*|hatırlatıcı\w*)\b",
        r"\b(?:değil|yok|eğer|dün|liste\w*|grafi\w+|tablo\w*|özet\w*|taslak|metn?i?n?i?)\b",
    ),
    _language(
        r"\b(?:dodał[ae]m|utworzył[ae]m|usun(?:ął|ęła)[ae]?m|zmienił[ae]m|zaktualizował[ae]m|przen(?:iosł|iosła)[ae]?m|"
        r"przesun(?:ął|ęła)[ae]?m|oznaczył[ae]m|ukończył[ae]m|zakończył[ae]m|zapisał[ae]m|zarchiwizował[ae]m)\b",
        rf"\bzostał[aoy]?\b(?: \w+)? {_PL}\w*",
        r"\b(?:zada(?:nie|nia|ń|niu|niem)|notat\w+|projekt\w*|przypomnieni\w+)\b",
        r"\b(?:nie|nic|jeśli|gdy|wczoraj|list[aęy]|wykres\w*|tabel\w+|podsumowani\w+|szkic\w*|tekst\w*)\b",
    ),
    _language(
        r"(?:\bя\b[^.!?\n]{0,20}? |\A\W*(?:(?:готово|хорошо|конечно)\W+)?)(?:добавил|создал|удалил|изменил|обновил|"
        r"переместил|перен[её]с(?:л)?|переименовал|завершил|отметил|сохранил|отложил|закрыл)а?\b",
        rf"\b{_RU}[аоы]?\b",
        r"\b(?:задач\w*|заметк\w+|заметок|проект\w*|напоминани\w+)\b",
        r"\b(?:не|нет|ничего|если|когда|вчера|спис\w+|график\w*|таблиц\w+|сводк\w+|черновик\w*|текст\w*)\b",
    ),
    _language(
        rf"(?:我(?:已经?|刚刚?|帮[您你]|为[您你])|已经?(?:为[您你]|帮[您你]|将|把))[^。！？\n]{{0,40}}?{_ZH}",
        rf"(?:已经?|被)(?:成功)?{_ZH}",
        r"任务|笔记|项目|提醒|待办|里程碑",
        r"[没未]|无法|不能|昨天|如果|列表|清单|图表|表格|摘要|总结|草稿",
    ),
    _language(
        rf"{_KO}(?:로 표시)?(?:했|하였)(?:습니다|어요|다)",
        rf"{_KO}되었습니다",
        r"작업|할 ?일|메모|노트|프로젝트|알림",
        r"않|못|없|어제|만약|목록|차트|표를|요약|초안",
    ),
)
# Every claim has one of these. Most sentences have none, and one search is faster than all of the others.
_ANY: Final = re.compile("|".join(f"(?:{words.pattern})" for one in _LANGUAGES for words in (one.did, one.was)), _I)

# These letters have another lower case than the one that they have in a search that ignores case.
_LETTERS: Final = str.maketrans({"İ": "i", "ı": "i", "ſ": "s", "\u212a": "k"})
_OTHER_CASE: Final = re.compile("[İıſ\u212a]")


def first_words(alternatives: str) -> set[str]:
    """The first words of the alternatives of a pattern `(?:...|...)`, which may have optional letters and classes."""
    found = set[str]()
    for words in alternatives.removeprefix("(?:")[:-1].split("|"):
        pieces = re.findall(r"(\[\w+\]|\w)(\??)", words.split()[0])
        choices = [[*letters.strip("[]"), *([""] if optional else [])] for letters, optional in pieces]
        found.update("".join(one).translate(_LETTERS) for one in product(*choices))
    return found


# Every match of `_ANY` has one of these words or letters. Looking for words takes a tenth of the time of the search.
_WORD: Final = re.compile(r"\w+")
SIGNS: Final = frozenset(
    [
        *("ho", "abbiamo", "stato", "stata", "stati", "state", "foi", "foram"),
        *(word for words in (_PT_DID, _NL, _SV_DID, _SV_WAS, _TR_DID, _TR_WAS) for word in first_words(words)),
    ]
)
_SIGN_LETTER: Final = re.compile("[łŁ\u0400-\u04ff\u4e00-\u9fff\uac00-\ud7a3]")


def may_claim(text: str, signs: AbstractSet[str] = SIGNS) -> bool:
    """Whether `_ANY` may match in `text`, or `text` has one of the words `signs`, which include `SIGNS`."""
    if not text.isascii():
        if _SIGN_LETTER.search(text):
            return True
        if _OTHER_CASE.search(text):
            text = text.translate(_LETTERS)
    return not signs.isdisjoint(_WORD.findall(text.lower()))


def claims_elsewhere(sentence: str, titles: Collection[str], *, asked: bool, read: bool) -> bool:
    """Whether a sentence in one of these languages claims a change. The arguments are those of `claims_change`."""
    if not may_claim(sentence) or _ANY.search(sentence) is None:
        return False
    titled = any(len(title) > 2 and title.casefold() in sentence.casefold() for title in titles)
    return any(
        (one.did.search(sentence) or (not read and one.was.search(sentence)))
        and not one.no_claim.search(sentence)
        and (asked or titled or one.item.search(sentence))
        for one in _LANGUAGES
    )
