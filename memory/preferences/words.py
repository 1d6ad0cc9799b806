"""Words that the rules of all languages share: names of languages, and what a name, a place or a company looks like."""

from __future__ import annotations

import re
from typing import Final


def words(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


_LANGUAGES: Final = """
English: english englisch anglais inglés ingles 英語
German: german deutsch allemand alemán aleman ドイツ語
French: french französisch franzoesisch français francais francés frances フランス語
Spanish: spanish spanisch espagnol español espanol castellano スペイン語
Italian: italian italienisch italien italiano イタリア語
Portuguese: portuguese portugiesisch portugais portugués portugues ポルトガル語
Dutch: dutch niederländisch holländisch néerlandais neerlandés holandés オランダ語
Japanese: japanese japanisch japonais japonés japones 日本語
Chinese: chinese chinesisch chinois chino 中国語 mandarin
Korean: korean koreanisch coréen coreano 韓国語
Russian: russian russisch russe ruso ロシア語
Polish: polish polnisch polonais polaco ポーランド語
Turkish: turkish türkisch turc turco トルコ語
Arabic: arabic arabisch arabe árabe アラビア語
Hebrew: hebrew hebräisch hébreu hebreo
Hindi: hindi
Swedish: swedish schwedisch suédois sueco
Norwegian: norwegian norwegisch norvégien noruego
Danish: danish dänisch danois danés
Finnish: finnish finnisch finnois finlandés finés
Czech: czech tschechisch tchèque checo
Slovak: slovak slowakisch slovaque eslovaco
Hungarian: hungarian ungarisch hongrois húngaro
Romanian: romanian rumänisch roumain rumano
Bulgarian: bulgarian bulgarisch bulgare búlgaro
Greek: greek griechisch grec griego
Ukrainian: ukrainian ukrainisch ukrainien ucraniano
Croatian: croatian kroatisch croate croata
Serbian: serbian serbisch serbe serbio
Catalan: catalan katalanisch catalán català
Vietnamese: vietnamese vietnamesisch vietnamien vietnamita
Thai: thai thailändisch thaï tailandés
Indonesian: indonesian indonesisch indonésien indonesio
"""

LANGUAGES: Final = {
    name: line.partition(":")[0] for line in _LANGUAGES.strip().splitlines() for name in line.partition(":")[2].split()
}
"""The English name of a language, by its name in any language that has rules."""

LANGUAGE: Final = "(" + "|".join(sorted(map(re.escape, LANGUAGES), key=len, reverse=True)) + ")"

WORD: Final = r"[\w'’.&-]*"
CAPITAL: Final = rf"(?-i:[A-ZÀ-ÖØ-ÞŁŚŻĆČŠŽİ0-9]{WORD})"
NAME: Final = r"((?-i:(?:(?:Dr|Prof|Mr|Mrs|Ms)\. )?[A-ZÀ-ÖØ-ÞŁŚŻĆČŠŽ][\w'’-]*(?: [A-ZÀ-ÖØ-Þ][\w'’.-]*){0,3}))"
"""A group with a name that starts with a capital."""
PLACE: Final = rf"((?:the )?{CAPITAL}(?:(?:,? (?:of |and |am |an der |de |la |sur )?|/){CAPITAL}){{0,3}})"
"""A group with one or more capitalised words."""
LOWER: Final = r"((?-i:[a-zà-ÿ][a-zà-ÿ'’-]{2,}(?: (?:york|francisco|angeles|janeiro|aires))?))"
"""A group with one word of small letters, and the commonest cities of two words."""
COMPANY: Final = rf"((?:the )?{CAPITAL}(?:(?: & | and | und | et | y | ){CAPITAL}){{0,3}})"
THING: Final = r"([^\W\d_][\w'’ -]{1,40}?)"
"""A group with a few words."""
THINGS: Final = r"([^\W\d_][\w'’, -]{1,80}?)"
"""A group with a list."""

NOT_A_NAME: Final = words("""
sorry done sure ok okay late ready back here fine good great tired busy happy sad hungry lost free new single married
vegan vegetarian pescatarian catholic muslim jewish christian buddhist hindu ill sick afraid glad alone home away right
wrong old young german american british english french spanish italian dutch portuguese japanese chinese korean russian
polish turkish greek swedish norwegian danish finnish irish scottish welsh swiss austrian belgian indian canadian
australian mexican brazilian european african asian ukrainian hungarian czech romanian monday tuesday wednesday thursday
friday saturday sunday january february march april june july august september october november december god batman
ignore always never system admin not a an the your you it that this what tomorrow today later
""")
