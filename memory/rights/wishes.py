"""What a message asks of memory itself: not to store it, or to forget something. Found by rules. Pure.

Only a request to the assistant counts: not a question about the words, not somebody's quoted words, not "don't forget
the milk". A message that asks for neither has no wish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from memory.rights.erase_wishes import asks_to_erase
from memory.rights.forget_wishes import Subject, subjects_in
from memory.text import sentences_of

# What may come before a request in its sentence.
_POLITE: Final = (
    r"(?:(?:please|pls|and|but|so|also|oh|hey|ok|okay|now|actually|by the way|btw|bitte|und|aber"
    r"|s'il te pla[iî]t|et|mais|por favor|y|pero|من فضلك|لو سمحت|رجاء)[\s,،:]++){0,8}"
)
_LEAD: Final = rf"^\W*+{_POLITE}"
_ASK: Final = r"(?:(?:can|could|will|would) you (?:please )?)?(?:i want you to |i'd like you to )?"
_END: Final = (
    r"(?:[\s,،]{1,5}(?:please|pls|anywhere|at all|for me|though|ok|okay|thanks|in (?:your )?memory|bitte|merci"
    r"|s'il te pla[iî]t|por favor|gracias|من فضلك)){0,6}\s{0,5}[.!?؟]{0,20}$"
)
_THIS: Final = (
    r"(?:this|that|it|any of (?:this|that)|this (?:message|conversation|chat|part|one)|(?:what"
    r"|anything) i(?:['’]m| am)?"
    r" (?:just )?(?:say|said|saying|tell you|told you|telling you|wrote|(?:about|going) to (?:say|tell you|write))"
    r"(?: here| now| you| next)?)"
)
_STORE: Final = "(?:rem(?:em)?b?er|remeber|save|store|memori[sz]e|record|log|keep)"
_THIS_DE: Final = r"(?:das|dies|diese (?:nachricht|unterhaltung)|dieses gespräch)"
_THIS_FR: Final = r"(?:ça|cela|ceci|ce message|cette conversation)"
_THIS_ES: Final = r"(?:esto|eso|este mensaje|esta conversación)"
_THIS_AR: Final = r"(?:هذا|ذلك|هذه (?:الرسالة|المحادثة|المعلومة)|هذا الكلام|ما (?:أ|ا|س[أا])قوله?)"
_NOT_STORED: Final = (
    rf"(?:don['’]?t|do not|not|never) {_STORE} {_THIS}",
    rf"(?:you )?(?:(?:don['’]?t|do not) (?:need|have) to|(?:there['’]s |there is )?no need to) {_STORE} {_THIS}",
    r"keep (?:this|that) (?:(?:just |strictly )?to yourself|out of (?:your |the )?memory)",
    (
        r"(?:(?:this|that|it)(?:['’]s| is| stays)(?: strictly| just)? |keep (?:this|that|it) |strictly )?"
        r"off[ -]the[ -]record"
    ),
    (
        r"(?:(?:this|that|it)(?:['’]s| is| stays) |keep (?:this|that|it) )?"
        r"(?:just )?between (?:you and me|us)"
    ),
    (
        rf"(?:merk(?:e)? dir {_THIS_DE}(?: bitte)? nicht(?: bitte)?"
        rf"|(?:{_THIS_DE} )?(?:bitte )?nicht (?:merken|(?:ab)?speichern|aufzeichnen)"
        rf"|(?:bitte )?{_THIS_DE} (?:bitte )?nicht (?:merken|(?:ab)?speichern|aufzeichnen)"
        rf"|speicher(?:e|n sie)? {_THIS_DE}(?: bitte)? nicht(?: ab)?|merken sie sich {_THIS_DE}(?: bitte)? nicht"
        r"|(?:das bleibt )?(?:nur )?unter uns(?: gesagt)?)"
    ),
    (
        rf"(?:ne (?:retiens|retenez|m[ée]morise[sz]?|sauvegarde[sz]?|garde[sz]?) pas {_THIS_FR}"
        rf"|n['’]enregistre[sz]? pas {_THIS_FR}"
        r"|ne (?:le |la |les |l['’])(?:retiens|retenez|m[ée]morise[sz]?|enregistre[sz]?|garde[sz]?) pas"
        r"|(?:que |ceci |[çc]a )?(?:[çc]a |ceci )?reste entre nous|(?:c['’]est )?entre nous|(?:c['’]est )?en off)"
    ),
    (
        rf"(?:no (?:recuerdes?|guardes?|memorices?|registres?|almacenes?) {_THIS_ES}"
        r"|no lo (?:recuerdes?|guardes?|memorices?|registres?)"
        r"|(?:que )?(?:esto|eso) (?:quede|queda) entre nosotros|entre nosotros|extraoficialmente)"
    ),
    (
        rf"(?:لا (?:تتذكر|تحفظ|تخز[ِّ]*ن|تسج[ِّ]*ل)(?:ي)? {_THIS_AR}|لا (?:تتذكره|تحفظه|تخزنه|تسجله)"
        r"|(?:هذا |ليبق هذا |فليبق هذا )?(?:سر )?(?:بيننا|بيني وبينك)(?: فقط)?)"
    ),
)
_JAPANESE: Final = (
    r"(?:(?:これ|それ|このこと|この話|このメッセージ)(?:は|を)?(?:覚えないで|記憶しないで|保存しないで|記録しないで|残さないで)"
    r"(?:ください|下さい|ね)?|(?:これは|この話は)?オフレコ(?:で(?:お願い(?:します)?|す)?)?|(?:これは)?ここだけの話(?:です)?(?:が|だけど|ですが)?)"
)
_ANY: Final = rf"{_ASK}(?:{'|'.join(_NOT_STORED)})"
# The whole sentence is the request.
_ALONE: Final = re.compile(rf"{_LEAD}{_ANY}{_END}|^\W*{_JAPANESE}[。！!.]*$", re.IGNORECASE)
# The request comes before the content: "don't remember this: ...". "Don't store it, eat it" is about a thing.
_BEFORE: Final = re.compile(
    rf"{_LEAD}(?:{_ANY}|keep this (?:private|secret|confidential)|vertraulich|confidentiel|confidencial|سري)"
    r"(?:[\s,]+please)?(?:\s*[:–—]|\s+-+\s|(?<!\bit)\s*[,،]|(?<=this|that)\s+(?=(?:my|i|i['’]m|our|we)\b))"
    rf"|^\W*{_JAPANESE}\s*[:：、。,]",
    re.IGNORECASE,
)
# The request comes after the content: "..., don't remember this".
_AFTER: Final = re.compile(
    rf"(?:[,،:–—(]|\s-+\s|\s(?=(?:(?:and|but|so|und|aber|et|mais|y|pero) )?(?:please|bitte)\b))"
    rf"\s*\W{{0,10}}{_POLITE}{_ANY}\)?{_END}"
    rf"|[、,。]\s*{_JAPANESE}[。！!.]*$",
    re.IGNORECASE,
)
_PREVIOUS: Final = re.compile(
    rf"{_LEAD}{_ASK}(?:(?:forget|delete|erase) (?:what i (?:just )?(?:said|told you|wrote)(?: just now| before)?"
    r"|(?:my|the) (?:last|previous) message|(?:this|that|it) from (?:your )?memory"
    r"|(?:that )?i (?:just )?(?:said|told you|mentioned) (?:that|this|it|anything))"
    rf"|vergiss,? was ich (?:gerade |eben )?gesagt habe|oublie ce que (?:je viens de dire|j['’]ai dit)"
    r"|olvida lo que (?:acabo de decir|dije)|(?:[إا]نسَ?[ىِي]?) ما قلته?(?: للتو| الآن| قبل قليل)?)"
    rf"{_END}"
    r"|^\W*(?:今|さっき|先ほど)(?:言った|話した)(?:こと|話)(?:は|を)?忘れて(?:ください|下さい)?[。！!.]*$",
    re.IGNORECASE,
)
# These ends of sentences need no white space after them.
_END_UNSPACED: Final = re.compile(r"(?<=[。！？؟])")
# Without its last character, the quotation does not end.
_QUOTES: Final = re.compile(r"[\"“”„«»][^\"“”«»]*+([\"“”«»]?)|`[^`]*+(`?)")
# Every wish has one of these. Most sentences have none, and are not looked at any further.
_TELLING: Final = re.compile(
    r"forg|froget|foget|delet|eras|remov|wip|clear|rem|sav|stor|memor|record|log|keep|between|reset|destroy"
    r"|purg|empty"
    r"|verg[ei](?:ss|ß)|merk|behalt|l[öo]sch|entfern|streich|speicher|aufzeichn|unter uns|vertraulich|oubli"
    r"|supprim|effac"
    r"|retir|enl[eè]v|vide|retien|reten|sauvegard|gard|enregistr|m[ée]mor|nous|confiden|\boff\b|olv[ií]d|borr|elimin"
    r"|quit|recuerd|guard|registr|almacen|nosotros|extraofici|忘れ|消|削除|覚え|記憶|保存|記録|残さ|オフレコ|ここだけ"
    r"|リセット|نس|حذف|مسح|زل|تتذكر|تحفظ|تخز|تسج|بين|سري",
    re.IGNORECASE,
)
_LONGEST: Final = 200
"""How many characters a request has at most, at the beginning and at the end of a sentence."""
_MOST: Final = 200
"""Of how many sentences with a telling word the first half and the last half are looked at. A text that is pasted has
many."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a message asks of memory."""

    not_stored: bool = False
    """The exchange must not be stored."""
    previous: bool = False
    """The exchange before it in the conversation must be forgotten."""
    subjects: tuple[Subject, ...] = ()
    """What must be forgotten, in the person's words: "my landlord's number"."""
    erase: bool = False
    """All that memory has about the person must be erased, once they have confirmed it."""
    rest: str = ""
    """The message without the words that ask to forget; "": nothing else is said."""


def wish_of(message: str) -> Wish | None:
    """What `message` asks of memory; None: nothing."""
    sentences = _sentences(message)
    alone = len(sentences) == 1
    telling = [number for number, sentence in enumerate(sentences) if _TELLING.search(sentence) is not None]
    looked_at = set(telling[: _MOST // 2] + telling[-_MOST // 2 :])
    if not looked_at or not _is_unquoted(message):
        return None
    for sentence in map(sentences.__getitem__, sorted(looked_at)):
        if _asks_not_to_store(sentence):
            # Said alone it is about what was said before.
            return Wish(not_stored=True, previous=alone and _stands_alone(sentence))
    if any(asks_to_erase(sentences[number]) for number in looked_at):
        return Wish(erase=True)
    subjects: list[Subject] = []
    others: list[str] = []
    previous = False
    for number, sentence in enumerate(sentences):
        if number in looked_at and _is_previous(sentence):
            previous = True
            continue
        found, other = subjects_in(sentence) if number in looked_at else ([], sentence)
        subjects += found
        others += [other] if other else []
    if not subjects and not previous:
        return None
    rest = " ".join(others)
    return Wish(not_stored=not rest, previous=previous, subjects=tuple(dict.fromkeys(subjects)), rest=rest)


def _is_unquoted(message: str) -> bool:
    """Whether the wish is still there without what the message quotes."""
    quoted = _QUOTES.sub(lambda match: " … " if any(match.groups()) else match[0], message)
    return quoted == message or any(map(_is_wish, _sentences(quoted)))


def _sentences(text: str) -> list[str]:
    parts = (part.strip() for sentence in sentences_of(text) for part in _END_UNSPACED.split(sentence))
    return [part for part in parts if part]


def _asks_not_to_store(sentence: str) -> bool:
    # Unbounded, the patterns take time that grows with the cube of a run of punctuation.
    return (
        _stands_alone(sentence)
        or _BEFORE.match(sentence[:_LONGEST]) is not None
        or _AFTER.search(sentence[-_LONGEST:]) is not None
    )


def _stands_alone(sentence: str) -> bool:
    return len(sentence) <= _LONGEST and _ALONE.match(sentence) is not None


def _is_previous(sentence: str) -> bool:
    return len(sentence) <= _LONGEST and _PREVIOUS.match(sentence) is not None


def _is_wish(sentence: str) -> bool:
    if _TELLING.search(sentence) is None:
        return False
    asks = _asks_not_to_store(sentence) or asks_to_erase(sentence) or _is_previous(sentence)
    return asks or bool(subjects_in(sentence)[0])
