"""The words for past days and for the past tense, in English, German, French, Spanish, Japanese and Arabic. Pure.

The patterns read text as `plain` returns it: casefolded, without Latin accents, without Arabic vowel marks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

K = TypeVar("K")

_ARABIC: Final = str.maketrans(
    {"أ": "ا", "إ": "ا", "آ": "ا", "ة": "ه", "\u0640": None} | {chr(mark): None for mark in range(0x64B, 0x653)}
)


def plain(text: str) -> str:
    """`text` in the form that the patterns read."""
    found = unicodedata.normalize("NFKC", text).casefold()
    if not found.isascii():
        found = unicodedata.normalize("NFKC", "".join(map(_unaccented, found))).translate(_ARABIC)
    return " ".join(found.replace("\u2019", "'").split())


def _unaccented(character: str) -> str:
    """Latin letters without accents. The accents of Japanese letters are part of them."""
    base = unicodedata.normalize("NFD", character)
    return base[0] if "a" <= base[0] <= "z" else character


def _named(names: Iterable[tuple[K, str]]) -> Mapping[str, K]:
    """Each name, separated by `|`, with its meaning."""
    return {name: meaning for meaning, words in names for name in words.split("|")}


ONE_DAY: Final = _named(
    (
        (-2, "day before yesterday|vorgestern|avant-hier|anteayer|antes de ayer|一昨日|おととい|اول امس|امس الاول"),
        (-1, "yesterday|gestern|hier|ayer|昨日|きのう|امس|بالامس|البارحه|امبارح"),
    )
)
"""Days before today."""
MONTHS: Final = _named(
    enumerate(
        (
            "january|januar|janner|janvier|enero|يناير", "february|februar|fevrier|febrero|فبراير",
            "march|marz|mars|marzo|مارس", "april|avril|abril|ابريل", "may|mai|mayo|مايو", "june|juni|juin|junio|يونيو",
            "july|juli|juillet|julio|يوليو", "august|aout|agosto|اغسطس", "september|septembre|septiembre|سبتمبر",
            "october|oktober|octobre|octubre|اكتوبر", "november|novembre|noviembre|نوفمبر",
            "december|dezember|decembre|diciembre|ديسمبر",
        ),
        start=1,
    )
)  # fmt: skip
WEEKDAYS: Final = _named(
    enumerate(
        (
            "monday|montag|lundi|lunes|月曜日|月曜|الاثنين", "tuesday|dienstag|mardi|martes|火曜日|火曜|الثلاثاء",
            "wednesday|mittwoch|mercredi|miercoles|水曜日|水曜|الاربعاء",
            "thursday|donnerstag|jeudi|jueves|木曜日|木曜|الخميس", "friday|freitag|vendredi|viernes|金曜日|金曜|الجمعه",
            "saturday|samstag|sonnabend|samedi|sabado|土曜日|土曜|السبت",
            "sunday|sonntag|dimanche|domingo|日曜日|日曜|الاحد",
        )
    )
)  # fmt: skip
"""0 is Monday."""
UNITS: Final = _named(
    (
        ("day", "day|days|tag|tage|tagen|jour|jours|dia|dias|日|يوم|ايام"),
        ("week", "week|weeks|woche|wochen|semaine|semaines|semana|semanas|週間|اسبوع|اسابيع"),
        ("month", "month|months|monat|monate|monaten|mois|mes|meses|か月|ヶ月|カ月|شهر|اشهر|شهور"),
        ("year", "year|years|jahr|jahre|jahren|an|ans|annee|annees|ano|anos|年|سنه|سنوات|عام|اعوام"),
    )
)
TWO_UNITS: Final = _named((("day", "يومين"), ("week", "اسبوعين"), ("month", "شهرين"), ("year", "سنتين|عامين")))
"""Arabic has a separate form for two of something."""
NUMBERS: Final = _named(
    enumerate(
        (
            "a|an|one|ein|eine|einem|einen|einer|un|une|una|一", "two|a couple of|zwei|deux|dos|二",
            "three|drei|trois|tres|三|ثلاثه|ثلاث", "four|vier|quatre|cuatro|四|اربعه|اربع",
            "five|funf|cinq|cinco|五|خمسه|خمس",
            "six|sechs|seis|六|سته|ست", "seven|sieben|sept|siete|七|سبعه|سبع", "eight|acht|huit|ocho|八|ثمانيه|ثماني",
            "nine|neun|neuf|nueve|九|تسعه|تسع", "ten|zehn|dix|diez|十|عشره|عشر",
        ),
        start=1,
    )
)  # fmt: skip
PARTS: Final = _named(
    (
        ((0, 12), "morning|morgen|fruh|vormittag|matin|matinee|manana|朝|けさ|午前中|午前|صباح|صباحا|الصباح"),
        ((11, 15), "noon|mittag|midi|mediodia|昼|ظهر|ظهرا|الظهر"),
        ((12, 18), "afternoon|nachmittag|apres-midi|tarde|午後|عصر|عصرا|بعد الظهر"),
        ((17, 24), "evening|abend|soir|soiree|tonight|夕方|الليله|مساء|المساء"),
        ((18, 30), "night|nacht|nuit|noche|夜|晩|ليل|ليله|ليلا"),
    )
)
"""Hours after the beginning of a day. A night ends on the next day."""

_LETTER: Final = "[a-z0-9\u0620-\u064a]"


def _any(names: Iterable[str]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + ")"


def _patterns(*patterns: str) -> list[re.Pattern[str]]:
    # Japanese has no spaces between words, and no word boundary.
    return [re.compile(rf"(?<!{_LETTER})(?:{pattern})(?!{_LETTER})") for pattern in patterns]


_COUNT: Final = rf"(?P<count>\d{{1,3}}|{_any(NUMBERS)})"
_UNIT: Final = f"(?P<unit>{_any(UNITS)})"
_MONTH: Final = f"(?P<month>{_any(MONTHS)})"
_MDAY: Final = r"(?P<mday>3[01]|[12]\d|0?[1-9])"
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)"
# "Montagabend"
_COMPOUND: Final = ("morgen", "vormittag", "mittag", "nachmittag", "abend", "nacht")
_WEEKDAY: Final = f"(?P<weekday>{_any(WEEKDAYS)})(?=(?:{'|'.join(_COMPOUND)})?(?!{_LETTER}))"
_LAST: Final = r"(?:last|letzte[nrsm]?|vergangene[nrsm]?|vorige[nrsm]?)"
_LAST_AFTER: Final = r"(?:derniere?|passee?|pasad[oa])"

# ---- parts of a day, and the beginning of a time, next to an expression ----

PART_AFTER: Final = re.compile(
    rf"(?: |の)?(?:in the |at |am |au |dans la |por la |en la |al |في )?(?P<part>{_any(PARTS)})(?!{_LETTER})"
)
PART_BEFORE: Final = re.compile(rf"(?<!{_LETTER})(?P<part>صباح|مساء|ليله|ظهر|عصر) $")
SINCE: Final = re.compile(rf"(?<!{_LETTER})(?:since|seit|depuis|desde|منذ)(?: (?:the|dem|der|le|la|l'|el|يوم))? ?$")
SINCE_WITHIN: Final = re.compile("since|seit|depuis|desde")
SINCE_AFTER: Final = re.compile("から|以来")
# "every Monday", "next Monday"
OTHER_BEFORE: Final = re.compile(
    r"(?:\b(?:every|each|next|coming|following|jede[nrs]?|nachste[nrsm]?|kommende[nrsm]?|chaque|tous les|todos los"
    r"|cada|proxim[oa])|كل|毎週?|来週の?|次の|今度の) ?$"
)
OTHER_AFTER: Final = re.compile(r" (?:prochaine?|proxim[oa]|que vienen?|القادم|المقبل)(?![a-z])|ごと")

# "What did I say about Monday?" has Monday as its topic.
TOPIC_BEFORE: Final = re.compile(
    rf"(?<!{_LETTER})(?:about|regarding|for|uber|zu|zum|fur|wegen|sur|pour|sobre|para|acerca de|عن)"
    "(?: (?:the|den|le|el))? ?$"
)
TIME_PREPOSITION: Final = re.compile("(?:on|am|this|في) ")
TOPIC_AFTER: Final = re.compile("について|に関して|のこと")

# ---- expressions about the past ----

ONE: Final = _patterns(f"(?:the )?(?P<day>{_any(ONE_DAY)})")
# In German, "hier" means "here".
HERE: Final = re.compile(r"\b(?:ist|sind|der|die|das|ein|eine|und|ich|wir|was|wo|wer|wie|gibt|nicht|bin)\b")
LAST_NIGHT: Final = _patterns(
    "last night|(?:in der )?(?:letzte|vergangene)n? nacht|la nuit derniere|anoche|昨夜|昨晩|ゆうべ|الليله الماضيه"
)
AGO: Final = [
    *_patterns(
        f"{_COUNT} {_UNIT} ago", *(f"{one} {_COUNT} {_UNIT}" for one in ("vor", "il y a", "hace", "قبل", "منذ"))
    ),
    *_patterns(f"(?:قبل|منذ) (?P<two>{_any(TWO_UNITS)})", "(?:قبل|منذ) (?P<unit>يوم|اسبوع|شهر|سنه|عام)"),
    re.compile(r"(?P<count>\d{1,3}|[一二三四五六七八九十]) ?(?P<unit>日|週間|か月|ヶ月|カ月|年)前"),
]
FEW_AGO: Final = [
    *_patterns(
        f"(?:a few|some|several) {_UNIT} ago",
        f"vor (?:ein paar|einigen|wenigen) {_UNIT}",
        f"il y a (?:quelques|plusieurs) {_UNIT}",
        f"hace (?:un[oa]s(?: poc[oa]s)?|algun[oa]s|poc[oa]s) {_UNIT}",
        "(?:قبل|منذ) (?:بضعه )?(?P<unit>ايام|اسابيع|اشهر|شهور|سنوات|اعوام)",
    ),
    re.compile(r"数(?P<unit>日|週間|か月|ヶ月|カ月|年)前"),
]
WITHIN: Final = _patterns(
    f"(?:in |over |during )?(?:the )?(?:last|past) {_COUNT} {_UNIT}",
    f"(?:in |over |during )?(?:the )?past {_UNIT}",
    rf"(?:in )?(?:den |die )?(?:letzten|vergangenen) {_COUNT} {_UNIT}",
    f"(?:les |ces )?{_COUNT} derni?er[e]?s {_UNIT}",
    f"(?:en )?(?:los |las )?ultim[oa]s {_COUNT} {_UNIT}",
)
LAST_WEEKEND: Final = _patterns(
    f"(?:the )?(?:last|past) weekend|(?:am )?{_LAST} wochenende|(?:le )?week-?end {_LAST_AFTER}"
    f"|(?:el )?fin de semana {_LAST_AFTER}|先週末|(?:عطله )?نهايه الاسبوع الماضي"
)
UNIT_BEFORE: Final = _patterns(
    f"{_LAST} {_UNIT}",
    f"(?:la |le |l')?(?P<unit>semaine|mois|annee|an) {_LAST_AFTER}",
    f"(?:la |el )?(?P<unit>semana|mes|ano) {_LAST_AFTER}",
)
NAMED_UNITS: Final = _named(
    (
        ("week", "先週|الاسبوع الماضي"),
        ("month", "先月|الشهر الماضي"),
        ("year", "去年|昨年|العام الماضي|السنه الماضيه"),
    )
)
NAMED: Final = [re.compile(f"(?P<named>{_any(NAMED_UNITS)})")]
LAST_WEEKDAY: Final = [
    *_patterns(
        f"(?:on |am )?{_LAST} {_WEEKDAY}",
        f"(?:el |le )?{_WEEKDAY} {_LAST_AFTER}",
        f"(?:في )?(?:يوم )?{_WEEKDAY} الماضي",
    ),
    re.compile(f"この前の{_WEEKDAY}"),
]
WEEKDAY_OF_LAST_WEEK: Final = [re.compile(f"先週の?{_WEEKDAY}")]

# ---- dates, which may be to come ----

ON_DAY: Final = [
    *_patterns(
        rf"(?P<year>(?:19|20)\d\d)-(?P<number>1[0-2]|0?[1-9])-{_MDAY}",
        rf"{_MDAY}(?:st|nd|rd|th|\.|er)? (?:of |de )?{_MONTH}(?:,? (?:de )?{_YEAR})?",
        rf"{_MONTH} {_MDAY}(?:st|nd|rd|th)?(?:,? {_YEAR})?(?!:)",
    ),
    re.compile(rf"(?:{_YEAR}年)?(?P<number>1[0-2]|[1-9])月{_MDAY}日"),
]
IN_MONTH: Final = [
    *_patterns(
        rf"(?:in|im|en|during|last|since|letzten|seit|depuis|desde|في)(?: el)? {_MONTH}(?:,? (?:de )?{_YEAR})?",
        rf"{_MONTH},? (?:de )?{_YEAR}",
    ),
    re.compile(rf"(?:{_YEAR}年)?(?P<number>1[0-2]|[1-9])月(?:に|の|は)"),
]
IN_YEAR: Final = [
    *_patterns(rf"(?:in|im jahre?|en|during|since|seit|depuis|desde|في)(?: (?:el ano|l'annee|عام|سنه))? {_YEAR}"),
    re.compile(rf"{_YEAR}年(?!\d)"),
]

# ---- expressions that may be about the present or the future: they count only in the past tense ----

TODAY: Final = [
    *_patterns(
        "(?:earlier |so far )?(?:today|this (?P<part>morning|afternoon|evening))|(?P<part_2>tonight)",
        "(?:fruher am tag |bisher )?(?:heute|heut)",
        "aujourd'hui|ce (?P<part>matin|midi|soir)|cet(?:te)? (?P<part_2>apres-midi|nuit)",
        "hoy|esta (?P<part>manana|tarde|noche)|اليوم|(?:هذا )?(?P<part_2>الصباح|المساء)|(?:هذه )?(?P<part_3>الليله)",
    ),
    re.compile("今日|きょう|本日|今(?P<part>朝|晩|夜)|(?P<part_2>けさ)"),
]
EARLIER: Final = [
    *_patterns(
        "just now|moments ago",
        "(?:an?|one|a few|some|several|a couple of|two|three|[0-9]{1,2}) (?:moment|while|bit|minute|hour)s? ago",
        # "An earlier flight" and "three days earlier" are something else.
        "(?<!an )(?<!no )(?<!the )(?<!my )(?<!our )(?<!your )(?<!much )(?<!days )(?<!weeks )(?<!months )(?<!years )"
        "earlier(?= (?:on|about|that)\\b| ?[,.;?!]| ?$)",
        "vor (?:(?:ein paar|einigen|einer|zwei|drei) (?:stunden?|minuten?)|kurzem)|gerade eben|eben gerade|vorhin",
        "tout a l'heure|a l'instant|il y a (?:un (?:moment|instant)|peu|quelques (?:minutes|heures)|une heure)",
        "hace (?:un (?:rato|momento)|poco|unas? (?:minutos|horas?)|unos minutos)|recien",
        "(?:قبل|منذ) (?:قليل|لحظات|لحظه|ساعه|ساعات|دقائق)",
    ),
    re.compile("さっき|先ほど|先程|今しがた|[0-9]{0,2} ?(?:時間|分)前"),
]
NAMED_PRESENT: Final = _named(
    (
        ("week", "今週|هذا الاسبوع"),
        ("month", "今月|هذا الشهر"),
        ("year", "今年|هذا العام|هذه السنه"),
    )
)
THIS_UNIT: Final = [
    *_patterns(
        "(?:earlier |so far )?(?:in |during |over )?(?:this|the current) (?P<unit>week|month|year)",
        "(?:bisher )?(?:in |im )?(?:diese[rsnm]?|laufenden?) (?P<unit>woche|monat|jahr)",
        "(?:cette|ce) (?P<unit>semaine|mois|annee)(?:-ci)?",
        "(?:en |durante )?est[ea] (?P<unit>semana|mes|ano)",
    ),
    re.compile(f"(?P<named>{_any(NAMED_PRESENT)})(?!末|の.曜)"),
]
WEEKEND: Final = [
    *_patterns(
        "(?:at |on |over |during )?(?:the|this) weekend|(?:am|dieses) wochenende|(?:ce|le) week-?end",
        "(?:el|este) fin de semana|(?:في )?(?:عطله )?نهايه (?:هذا )?الاسبوع",
    ),
    re.compile("(?:今)?週末"),
]
WEEKDAY: Final = [
    re.compile(rf"(?<!{_LETTER})(?:on |this |am |le |el |este |في |يوم |ال)*{_WEEKDAY}"),
    re.compile(f"(?:今週の)?{_WEEKDAY}"),
]
BARE_YEAR: Final = _patterns(
    f"{_YEAR}(?= (?:gesprochen|besprochen|gesagt|erzahlt|diskutiert|geredet|gemacht|getan|passiert|uber)| ?[?.!,]?$)"
)

# ---- the past tense ----

_PARTICIPLE: Final = "[a-z]+ed|told|said|done|been|eaten|bought|written|made|met|had|seen|spent|read|learnt|paid|got"
_TENSES: Final = (
    # English
    (
        "did|didn't|wasn't|were|weren't|had|discussed|mentioned|spoke|spoken|talked|chatted|happened|told|said|asked"
        # In German, "was" means "what".
        "|(?:i|it|he|she|there|that|this|what|who|when|where|why|how) was"
        "|was (?:i|it|he|she|there|the|my|your|our|his|her|this|that)"
        rf"|(?:have|has)(?:n't)? (?:i|we|you|he|she|they) (?:{_PARTICIPLE})|(?:i|we|you)(?:'ve| have) (?:{_PARTICIPLE})"
    ),
    # German
    (
        "war|waren|warst|hatten?|hattest|wurden?|sagten?|erzahlten?|sprachen?|redeten?"
        "|(?:bin|ist|sind|bist)(?: [^ ]+){0,6} (?:gewesen|passiert|gegangen|gefahren|gekommen|geschehen)"
        "|(?:hab|habe|haben|hast|hat)(?: [^ ]+){0,8} "
        "(?:[a-z]{1,6})?(?:ge[a-z]{2,}(?:t|en)|(?:be|er|ver|ent|zer)[a-z]{3,}(?:t|en)|[a-z]+iert)"
    ),
    # French
    (
        "(?:j'ai|ai|(?:il|elle|on|qui) a|tu as|avons|avez|ont)(?:-(?:je|tu|nous|vous|on|t-il|t-elle))?"
        "(?: (?:pas|deja|bien|aussi|tous|tout|encore))*"
        " (?!(?:une|de|le|que|quelque|autre|ce|cette) )[a-z]+(?:e|ee|es|i|is|it|u|us|ert)"
        "|etai[st]|etaient|etions|avai[st]|avaient|avions|disai[st]|parlai[st]|parlions|faisai[st]|voulai[st]"
    ),
    # Spanish
    (
        "(?:he|has|ha|hemos|han) (?:[a-z]+[ai]d[oa]|dicho|hecho|visto|puesto|escrito)|dije|dijiste|dijo|dijimos|dijeron"
        "|hablamos|conte|comente|mencione|pregunte|hice|hiciste|hizo|hicimos|fui|fue|fuimos|fueron|tuve|tuvo|tuvimos|estuvo"
        "|conversamos|discutimos|(?:me|te|le|nos|lo|la|que) [a-z]{2,}(?:aste|iste|aron|ieron|aba|abas|aban)"
    ),
    # Arabic
    (
        "كنت|كنا|كان|كانت"
        "|(?:ماذا|متى|اين|هل|عما|ما|مما|كم|من)(?: قد)? (?!لدينا|عندنا|انت)[\u0620-\u064a]{2,}(?:ت|نا|ته|تم)"
    ),
    # Conversations are in the past too.
    "conversations?|chats?|unterhaltung(?:en)?|unsere? gesprache?|conversacion(?:es)?|محادثاتنا|محادثتنا|حديثنا",
)
PAST_TENSE: Final = re.compile(
    rf"(?<!{_LETTER})(?:{'|'.join(_TENSES)})(?!{_LETTER})"
    "|会話|(?:(?<!あ)し|[いきちりえけせてねべめれっ])た(?![いらりくちだ方ほ])|[んい]だ(?![いらりくほ方])"
)
"""A sign that a text is about the past. It may be wrong, so it must not decide more than how memories are weighed."""

# ---- a quick look ----


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN: Final = re.compile("[a-z]+|[0-9]|[\u0620-\u064a\u3040-\u30ff\u3400-\u9fff]")
_LATIN: Final = frozenset(
    word
    for names in (ONE_DAY, MONTHS, WEEKDAYS, UNITS, PARTS)
    for name in names
    for word in (*name.split(), *name.split("-"))
    if name.isascii()
) | _words_of(
    "today heute heut aujourd hoy anoche earlier now ago moments vorhin eben kurzem stunde stunden minute minuten"
    " instant moment heure heures minutes peu rato momento poco hora horas minutos recien weekend wochenende fin"
)
_WEEKDAY_STARTS: Final = ("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag")
_ANY_YEAR: Final = re.compile(_YEAR)
_BESIDE: Final = 60
"""Characters before and after such a word that may belong to the expression."""


def times_in(plain: str) -> tuple[int, int] | None:
    """From where until where `plain` may name a time; None: nowhere. Most messages have no word for a time."""
    tokens = [one for one in _TOKEN.finditer(plain) if not one[0].isalpha() or not one[0].isascii() or _is_time(one[0])]
    if not tokens:
        return None
    # Without a word, only a year names a time: "2026-03-09", "in 2025".
    if not any(one[0].isalpha() for one in tokens) and _ANY_YEAR.search(plain) is None:
        return None
    return max(0, tokens[0].start() - _BESIDE), tokens[-1].end() + _BESIDE


def _is_time(word: str) -> bool:
    return word in _LATIN or (word.endswith(_COMPOUND) and word.startswith(_WEEKDAY_STARTS))
