"""What a message asks memory to forget: "forget my landlord's number". Found by rules, by language. Pure.

A request that is negated ("vergiss meinen Geburtstag nicht"), told about somebody ("I forget my keys") or dictated
("tell Ann to come and forget my number") is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

_ABOUT_GROUPS: Final = ("all_about", "all_about_2", "all_about_3")
_GROUPS: Final = ("about", "about_2", "fact", "mine", "mine_2", "theirs", "theirs_2", "where")


class Subject(NamedTuple):
    """What must be forgotten, in the person's words. `everything`: everything about it, not only one statement."""

    words: str
    everything: bool = False


@dataclass(frozen=True, slots=True)
class _Language:
    """`requests` match a whole request. `joint` matches where another request or statement begins in its sentence.

    `also` matches the words between two things to forget. `negated` matches a request that asks for the opposite.
    """

    requests: Sequence[re.Pattern[str]]
    joint: re.Pattern[str]
    also: re.Pattern[str]
    negated: re.Pattern[str] | None = None


def _language(requests: Iterable[str], *, joint: str, also: str, lead: str, end: str, negated: str = "") -> _Language:
    return _Language(
        [re.compile(rf"^\W*(?:(?:{lead})[\s,،、:]+)*(?:{one}){end}", re.IGNORECASE) for one in requests],
        re.compile(joint, re.IGNORECASE),
        re.compile(also, re.IGNORECASE),
        re.compile(negated, re.IGNORECASE) if negated else None,
    )


# ---- English

_FORGET_EN: Final = r"(?:forg[eo]t|forgt|froget|foget|forgett)"
_NO_OWNER_EN: Final = (
    r"(?!(?:it|that|this|what|let|he|she|there|here|who|today|yesterday|tomorrow|(?:mon|tues|wednes|thurs|fri"
    r"|satur|sun)day)"
    r"['’]s\b)"
)
_END_EN: Final = (
    r"(?:[\s,]+(?:please|pls|plz|anywhere|at all|for me|though|ok|okay|thanks|thank you|now|again"
    r"|(?:from|in) (?:your |the )?memory))*\s*[.!?]*$"
)
_ENGLISH: Final = _language(
    [
        (
            r"(?:(?:can|could|will|would) (?:you|u) (?:please |pls )?)?"
            r"(?:(?:i want|i['’]d like|i need) you to |you (?:can|should|may|must) |i want to have you )?"
            rf"(?:please |just |also )*(?:{_FORGET_EN}|(?:delete|erase|remove|wipe) from (?:your |the )?memory) "
            r"(?:(?:everything|all)(?: (?:that )?(?:i(?:['’]ve| have)? (?:said|told you)|you (?:know|remember"
            r"|have)))? about"
            r" (?P<all_about>.+?)"
            r"|(?:what i(?:['’]ve| have)? (?:said|told you)|what you (?:know|remember)) about (?P<about>.+?)"
            r"|(?:about )?(?P<mine>(?:my|our)\b .+?)"
            r"|(?P<where>(?:where|when|how|who) (?:i|we|my|our)\b .+?)"
            r"|that (?P<fact>(?:i|i['’]m|i['’]ve|my|we|our)\b.+?)"
            rf"|(?P<theirs>{_NO_OWNER_EN}(?:the |about )?[\w-]+(?:['’]s|s['’]) .+?)"
            r"|(?:that )?(?P<about_2>(?:i|we) (?:live|work|am|have|was|moved|want|like|love|hate|own|use|drink"
            r"|eat|take)\b.+?)"
            r"|(?P<theirs_2>the [\w -]+? of (?:my|our)\b.+?))"
        ),
        (
            r"(?:please |and )*(?:don['’]?t|do not|never|stop) (?:remember(?:ing)?|keep(?:ing)? in (?:your )?memory)"
            r" (?P<mine>(?:my|our) [^?]+?)"
        ),
        (
            r"(?:(?:can|could|will|would) you (?:please )?)?(?:i(?:['’]d like| want) you to )?(?:please )?"
            r"(?:delete|erase|remove|wipe|clear) "
            r"(?:(?:everything|all) (?:that )?(?:you (?:know|remember)|i (?:said|told you)) about (?P<all_about>.+?)"
            r"|what (?:you (?:know|remember)|i (?:said|told you)) about (?P<about>.+?)"
            rf"|(?P<mine>(?:(?:my|our)\b|{_NO_OWNER_EN}(?:the )?[\w-]+(?:['’]s|s['’])) .+?) from (?:your "
            rf"|the )?memory)"
            r"(?: from (?:your |the )?memory)?"
        ),
    ],
    lead=(
        r"please|pls|plz|and|but|so|also|then|oh|hey|hi|hello|ok|okay|now|actually|by the way|btw|thanks|thank you"
        r"|yes|no"
    ),
    end=_END_EN,
    joint=(
        r"(?:\s*,)?\s+(?:and|then|but|also)(?: (?:then|please|also))*\s+(?=(?:create|add|make|tell|show|list|remind"
        r"|what|how|when|where|who|why|which|give|write|set|update|move|plan|help|note|use|call me|start|open|find"
        r"|search|summari[sz]e|draft|schedule|explain|translate|can you|could you|do|don['’]t|is|are|i|i['’]m"
        r"|let['’]s"
        r"|(?:my|our)\b[^,]*\b(?:is|are|was|has))\b)"
        r"|\s*,\s+(?=(?:what|how|when|where|who|why|which|tell|show|create|add|remind|i|i['’]m|can you|could you"
        r"|it['’]s|(?:my|our)\b[^,]*\b(?:is|are|was|has))\b)"
        rf"|(?:\s*,\s*(?:and|but|then|also)?|\s+and)(?: please| also| then)*\s+(?={_FORGET_EN} (?:my|our|that|what"
        r"|everything|about|the)\b)"
    ),
    also=r"(?:\s*,)?\s+(?:and|or)\s+(?=(?:my|our)\b)|\s*,\s+(?=(?:my|our)\b)",
)
# The request may be a part of a text that is dictated, or of a task for somebody else.
_DICTATED: Final = re.compile(
    r"\b(?:tell|ask|remind|write|says?|draft|translate|story|song|poem|note|e-?mail|message|titled|letter"
    r"|schreib\w*|sag\w*|übersetz\w*|erinner\w*|notiz|dis|écri\w*|tradui\w*|rappelle\w*|di|escrib\w*|traduc\w*"
    r"|recu[eé]rda\w*)\b|[:：]",
    re.IGNORECASE,
)

# ---- German

_MINE_DE: Final = r"(?:mein|unser)(?:e[nmrs]?)?\b"
_OBJECT_DE: Final = (
    rf"(?:(?P<mine>{_MINE_DE} .+?)"
    rf"|(?P<theirs>(?:die|der|das|den|dem) .+? (?:von )?(?:{_MINE_DE}|von\b) ?.*?"
    rf"|(?-i:[A-ZÄÖÜ]\w+s) (?-i:[A-ZÄÖÜ])\w+)"
    r"|alles(?:,? was (?:ich dir|du)| )?(?: ?(?:über|von|zu) )(?P<all_about>.+?)"
    r"(?: (?:gesagt|erzählt) habe| weißt| gespeichert hast)?)"
)
_FACT_DE: Final = (
    r",? ?(?:dass (?P<fact>(?:ich|wir|mein\w*|unser\w*)\b .+?)|(?P<where>(?:wo|wann|wie|wer|wo) (?:ich|mein\w*"
    r"|wir)\b .+?)"
    r"|was (?:ich dir|du) (?:über|von|zu) (?P<about>.+?) (?:(?:gesagt|erzählt) habe|weißt|gespeichert hast))"
)
_NO_MEMORY_DE: Final = r" (?:bitte )?(?:wieder )?aus (?:deinem|ihrem|dem|eurem) (?:gedächtnis|speicher)"
_GERMAN: Final = _language(
    [
        rf"(?:vergiss|vergesst|vergessen sie)(?: bitte)?(?: (?:wieder|jetzt))?(?: {_OBJECT_DE}|{_FACT_DE})",
        (
            rf"(?:(?:kannst|könntest|würdest) du |(?:können|könnten|würden) sie |du (?:kannst|sollst|darfst) "
            rf"|sie (?:können|sollen) )?(?:bitte )?{_OBJECT_DE} (?:bitte )?(?:wieder )?vergessen"
        ),
        r"(?:(?:kannst|könntest) du |(?:können|könnten) sie |du (?:kannst|sollst) )(?:bitte )?vergessen" + _FACT_DE,
        rf"ich (?:möchte|will),? dass (?:du {_OBJECT_DE} vergisst|sie (?P<mine_2>{_MINE_DE} .+?) vergessen)",
        rf"(?:lösche?|löschen sie|entferne?|entfernen sie|streiche?)(?: bitte)? {_OBJECT_DE}{_NO_MEMORY_DE}",
        rf"(?:merke?|behalte?) (?:dir )?(?P<mine>{_MINE_DE} .+?) nicht(?: mehr)?",
    ],
    lead=r"bitte|und|aber|also|dann|oh|hey|hallo|ok|okay|nein|ja|danke|übrigens|außerdem",
    end=r"(?:[\s,]+(?:bitte|danke|wieder|jetzt|ok|okay|aus (?:deinem|ihrem|dem) gedächtnis))*\s*[.!?]*$",
    joint=(
        r"(?:\s*,)?\s+(?:und|aber|dann)(?: (?:dann|bitte|auch))*\s+(?=(?:erstelle?|leg|zeige?|sag|nenn|gib|was"
        r"|wie|wann|wo|wer"
        rf"|warum|erinner|schreib|plane?|hilf|ich|füg|mach|{_MINE_DE}[^,]*\b(?:ist|sind|lautet))\b)"
        rf"|(?<!vergiss)(?<!vergessen)\s*,\s+(?=(?:was|wie|wann|wer|warum|zeige?|erstelle?|ich"
        rf"|{_MINE_DE}[^,]*\b(?:ist|sind|lautet))\b)"
        r"|(?:\s*,\s*(?:und|aber|dann)?|\s+und)(?: bitte| auch| dann)*\s+(?=vergiss\b)"
    ),
    also=rf"(?:\s*,)?\s+(?:und|oder)\s+(?={_MINE_DE})|\s*,\s+(?={_MINE_DE})",
    negated=(
        r"^\W*(?:bitte |und |aber )*(?:vergiss|vergesst|vergessen sie)\b(?!.*\b(?:dass|wo|was)\b).*\b(?:nicht"
        r"|nie|niemals|ja"
        r" nicht)\b(?:[\s,]+(?:bitte|wieder|mehr|zu \w+))*[\s.!]*$"
    ),
)

# ---- French

_MINE_FR: Final = r"(?:mon|ma|mes|notre|nos)\b"
_OBJECT_FR: Final = (
    rf"(?:(?P<mine>{_MINE_FR} .+?)"
    rf"|(?P<theirs>(?:le |la |les |l['’])[^,]+? (?:de |d['’])(?:{_MINE_FR}|(?-i:[A-ZÉÈÀÂÎ])\w).*?)"
    r"|tout (?:(?:ce que (?:je t['’]ai dit|je vous ai dit|tu sais|vous savez|tu as retenu) )?"
    r"(?:sur|de|d['’]|à propos de|concernant) ?)(?P<all_about>.+?)"
    r"|ce que (?:je t['’]ai dit|je vous ai dit|tu sais|vous savez) (?:sur|de|à propos de) (?P<about>.+?)"
    rf"|(?:que |qu['’])(?P<fact>(?:je |j['’]|nous |on |{_MINE_FR} ).+?)|(?P<where>où (?:j['’]|je ).+?))"
)
_FRENCH: Final = _language(
    [
        rf"(?:oublie|oubliez)(?: (?:donc|aussi|s['’]il te pla[iî]t|s['’]il vous pla[iî]t))? {_OBJECT_FR}",
        (
            r"(?:(?:peux|pourrais)-tu|(?:pouvez|pourriez)-vous|tu peux|tu pourrais|vous pouvez|merci d['’]"
            r"|veuillez|veux-tu"
            rf"|je veux que tu|je voudrais que tu|il faut)[ ]?(?:s['’]il te pla[iî]t )?(?:oublier"
            rf"|oublies) {_OBJECT_FR}"
        ),
        (
            rf"(?:supprime|supprimez|efface|effacez|retire|retirez|enlève|enlevez) {_OBJECT_FR} de (?:ta|votre"
            rf"|la) mémoire"
        ),
    ],
    lead=r"s['’]il (?:te|vous) pla[iî]t|et|mais|alors|aussi|ok|oui|non|merci|bonjour|salut|au fait",
    end=r"(?:[\s,]+(?:s['’]il (?:te|vous) pla[iî]t|stp|svp|merci|maintenant|de (?:ta|votre|la) mémoire))*\s*[.!?]*$",
    joint=(
        r"(?:\s*,)?\s+(?:et|mais|puis)(?: (?:puis|aussi))*\s+(?=(?:crée|créez|ajoute|montre|dis|donne|rappelle"
        r"|écris|que|quel"
        rf"|quelle|quand|comment|où|qui|pourquoi|je|fais|planifie|aide|{_MINE_FR}[^,]*\b(?:est|sont))\b|j['’])"
        rf"|\s*,\s+(?=(?:que|quel|quelle|quand|comment|où|qui|crée|montre|je|{_MINE_FR}[^,]*\b(?:est|sont))\b|j['’])"
        r"|(?:\s*,\s*(?:et|mais|puis)?|\s+et)(?: aussi)*\s+(?=oublie[zr]?\b)"
    ),
    also=rf"(?:\s*,)?\s+(?:et|ou)\s+(?={_MINE_FR})|\s*,\s+(?={_MINE_FR})",
    negated=r"\boublie[sz]? (?:pas|jamais|surtout pas)\b|\bn['’]oublie",
)

# ---- Spanish

_MINE_ES: Final = r"(?:mis?|nuestr[oa]s?)\b"
_OBJECT_ES: Final = (
    rf"(?:(?P<mine>{_MINE_ES} .+?)"
    rf"|(?P<theirs>(?:el|la|los|las) [^,]+? (?:de )(?:{_MINE_ES}|(?-i:[A-ZÁÉÍÓÚÑ])\w).*?)"
    r"|todo (?:(?:lo que (?:te (?:he dicho|dije|conté)|sabes|sabe|recuerdas) )?(?:sobre|de"
    r"|acerca de) )(?P<all_about>.+?)"
    r"|lo que (?:te (?:he dicho|dije|conté)|sabes|sabe) (?:sobre|de|acerca de) (?P<about>.+?)"
    r"|que (?P<fact>(?!te |se |es |no te )\w.+?)|(?P<where>d[oó]nde \w+ .+?|d[oó]nde (?:vivo|trabajo)))"
)
_SPANISH: Final = _language(
    [
        rf"(?:olvida|olvide|olvidad|olvídate de|olvidate de|olvídese de)(?: por favor)? {_OBJECT_ES}",
        (
            r"(?:puedes|puede|podrías|podría|debes|deberías|quiero que|necesito que|me gustaría que) "
            rf"(?:por favor )?(?:olvidar|olvides|olvide|olvidaras|olvidarte de|te olvides de) {_OBJECT_ES}"
        ),
        rf"(?:borra|borre|elimina|elimine|quita|quite|borrar|eliminar) {_OBJECT_ES} de (?:tu|su|la) memoria",
    ],
    lead=r"por favor|y|pero|también|ok|vale|sí|no|gracias|hola|oye|por cierto|además",
    end=r"(?:[\s,]+(?:por favor|gracias|ahora|vale|ok|de (?:tu|su|la) memoria))*\s*[.!?]*$",
    joint=(
        r"(?:\s*,)?\s+(?:y|e|pero|luego)(?: (?:luego|también))*\s+(?=(?:crea|añade|agrega|muestra|dime|dame"
        r"|lista|recuérdame"
        rf"|escribe|qué|cuál|cuándo|cómo|dónde|quién|haz|planifica|ayúdame|{_MINE_ES}[^,]*\b(?:es|son))\b|¿)"
        rf"|\s*,\s+(?=(?:qué|cuál|cuándo|cómo|dónde|quién|crea|muestra|{_MINE_ES}[^,]*\b(?:es|son))\b|¿)"
        r"|(?:\s*,\s*(?:y|pero)?|\s+y)(?: también| por favor)*\s+(?=olvid[ae]\b)"
    ),
    also=rf"(?:\s*,)?\s+(?:y|e|o)\s+(?={_MINE_ES})|\s*,\s+(?={_MINE_ES})",
)

# ---- Japanese

_ASK_JA: Final = (
    r"忘れて(?:ください|下さい|くれ(?:る|ますか|ませんか)?|ほしい(?:です)?|欲しい(?:です)?|もらえますか|ね)"
)
_FORGET_JA: Final = rf"(?:{_ASK_JA}|忘れて)"
_NO_SUBJECT_JA: Final = r"(?!(?:これ|それ|あれ|この|その|あの|今|さっき|先ほど|全部|すべて|全て|何|なに))"
_JAPANESE: Final = _language(
    [
        (
            rf"{_NO_SUBJECT_JA}(?P<all_about>[^、。]+?)(?:のこと|に関すること|に関して|について|に関する(?:こと|情報))(?:は|を)?"
            rf"(?:すべて|全て|全部|何もかも)(?:を)?{_FORGET_JA}"
        ),
        rf"{_NO_SUBJECT_JA}(?P<about>[^、。]+?)(?:って|と)(?:言|い)った(?:こと|の)(?:は|を)?{_FORGET_JA}",
        # "傘を忘れて" alone may go on: "and I got wet".
        rf"{_NO_SUBJECT_JA}(?P<mine>[^、。]+?)(?:という(?:こと|事)|のこと|こと|について)(?:は|を)?{_FORGET_JA}",
        rf"{_NO_SUBJECT_JA}(?P<mine>(?:私|僕|俺|わたし|ぼく)の[^、。]+?)(?:は|を)?{_FORGET_JA}",
        rf"{_NO_SUBJECT_JA}(?P<mine>[^、。]+?)(?:は|を)?{_ASK_JA}",
        (
            rf"{_NO_SUBJECT_JA}(?P<mine>[^、。]+?)(?:のこと|こと)?(?:は|を)?(?:あなたの)?(?:メモリー?|記憶)から"
            r"(?:消して|削除して|消去して)(?:ください|下さい|くれますか|ほしい(?:です)?)?"
        ),
    ],
    lead=r"お願い(?:です|します)?|すみません|ところで|あと|それから|そして|はい|どうか",
    end=r"[\s。！!.?？]*$",
    joint=rf"[、,]\s*(?:(?:そして|あと|それから)、?)?(?=[^、。]+{_FORGET_JA})",
    also=r"と(?=(?:私|僕|俺|わたし)の)",
)
# A statement may have another ending than the subject: 住んでいること, 住んでいます.
_ENDING_JA: Final = re.compile(r"(?:い?(?:る|ます|た|ました)|です|だ|な)$")
_I_JA: Final = re.compile(r"^(?:私|僕|俺|わたし|ぼく)(?:の|は|が)")

# ---- Arabic

# "أنسى" is "I forget".
_FORGET_AR: Final = r"(?:[إا]نسَ?[ىِي]?|أنسَ?)"
_MINE_AR: Final = r"[\u0621-\u0652 ]*?[\u0621-\u0652]{2,}(?:ي|نا)\b[\u0621-\u0652 ]*?"
_OBJECT_AR: Final = (
    r"(?:كل (?:ما|شيء)(?: (?:تعرفه|تعلمه|تتذكره|قلته(?: لك)?|[أا]خبرتك به))? ?عن (?P<all_about>.+?)"
    r"|ما (?:قلته(?: لك)?|[أا]خبرتك به|تعرفه) عن (?P<about>.+?)"
    r"|(?:[أإا]ن(?:ني|ّي|ي|نا)) (?P<fact>.+?)"
    rf"|(?P<mine>{_MINE_AR}))"
)
_ARABIC: Final = _language(
    [
        (
            rf"(?:{_FORGET_AR}|(?:هل )?(?:يمكنك|تستطيع) [أا]ن تنسى|[أا]ريدك? [أا]ن تنسى|[أا]رجو [أا]ن تنسى"
            rf"|[أا]رجوك (?:[أا]ن تنسى|[إأا]?نس)) {_OBJECT_AR}"
        ),
        (
            rf"(?:[إأا]?حذف|[إأا]?مسح|[أا]زل|(?:هل )?يمكنك [أا]ن (?:تحذف|تمسح)|(?:هل )?يمكنك (?:حذف"
            rf"|مسح)) {_OBJECT_AR} من (?:ذاكرتك|الذاكرة)"
        ),
    ],
    lead=r"من فضلك|لو سمحت|رجاء|رجاءً|و|شكرا|شكرًا|نعم|لا|حسنا|حسنًا",
    end=r"(?:[\s،,]+(?:من فضلك|لو سمحت|رجاء|رجاءً|شكرا|شكرًا|الآن|من (?:ذاكرتك|الذاكرة)))*\s*[.!?؟]*$",
    joint=r"[،,]\s*(?=(?:ما|كيف|متى|أين|اين|من|هل|أضف|اضف|أنشئ)\b)|\s+و(?=(?:أضف|اضف|أنشئ|ذكرني|اعرض|[إأا]?نسَ?\b))",
    also=r"\s+و(?=[\u0621-\u0652]+(?:ي|نا)\b)",
)

_LANGUAGES: Final = (_ENGLISH, _GERMAN, _FRENCH, _SPANISH, _JAPANESE, _ARABIC)
# "forget my last point" is about the conversation's text, not about memory.
_NOT_A_SUBJECT: Final = re.compile(
    r"^(?:my|our) (?:last|previous|first|earlier) |^(?:my|our) (?:question|request|manners|idea|suggestion)s?$"
    r"|^(?:meine?[nr]? (?:letzte|vorherige|vorige)\w* |meine?[nr]? (?:frage|bitte|idee|vorschlag)$)"
    r"|^(?:ma (?:dernière |question$|demande$|remarque$)|mon (?:dernier |idée$))"
    r"|^mi (?:última? |último |pregunta$|petición$|idea$)|^(?:私の)?(?:質問|話|件)$|^(?:سؤالي|طلبي)$",
    re.IGNORECASE,
)
_LONGEST: Final = 300
"""A longer sentence is not such a request."""


def subjects_in(sentence: str) -> tuple[list[Subject], str]:
    """What a sentence asks memory to forget, and the words of the sentence that say something else."""
    if len(sentence) <= _LONGEST:
        for language in _LANGUAGES:
            found, rest = _in_language(language, sentence)
            if found:
                return found, rest
    return [], sentence


def _in_language(language: _Language, sentence: str) -> tuple[list[Subject], str]:
    found: list[Subject] = []
    rest: list[str] = []
    for part in language.joint.split(sentence):
        dictated = bool(rest) and not found and any(map(_DICTATED.search, rest))
        subjects = [] if dictated else _of_request(language, part)
        found += subjects
        if not subjects:
            rest.append(part.strip())
    return found, ", ".join(filter(None, rest))


def _of_request(language: _Language, part: str) -> list[Subject]:
    if language.negated is not None and language.negated.search(part):
        return []
    for request in language.requests:
        match = request.match(part)
        if match is None:
            continue
        groups = match.groupdict()
        everything = next(filter(None, map(groups.get, _ABOUT_GROUPS)), None)
        words = everything or next(filter(None, map(groups.get, _GROUPS)), "")
        many = language.also.split(words) if not (groups.get("fact") or groups.get("where")) else [words]
        named = [_plain(language, one) for one in many]
        return [Subject(one, everything is not None) for one in named if one and not _NOT_A_SUBJECT.match(one)]
    return []


def _plain(language: _Language, words: str) -> str:
    """A subject without the words around it that a statement need not have."""
    plain = words.strip(" ,.!?。、،")
    if language is _JAPANESE:
        plain = _I_JA.sub("", plain)
        plain = _ENDING_JA.sub("", plain) or plain
    return plain
