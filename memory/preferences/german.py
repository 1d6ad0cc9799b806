"""Rules for statements in German."""

from __future__ import annotations

import re
from typing import Final

from memory.preferences.preference import Language, Preference, each, fixed, gone, named, plain, rules_of, unless
from memory.preferences.words import COMPANY, LANGUAGE, LANGUAGES, LOWER, NAME, PLACE, THING, THINGS, words

_DAYS: Final = {
    "montag": "monday", "dienstag": "tuesday", "mittwoch": "wednesday", "donnerstag": "thursday",
    "freitag": "friday", "samstag": "saturday", "sonntag": "sunday",
}  # fmt: skip
_DIETS: Final = {
    "vegan": "vegan", "veganer": "vegan", "veganerin": "vegan", "vegetarisch": "vegetarian",
    "vegetarier": "vegetarian", "vegetarierin": "vegetarian", "glutenfrei": "gluten-free", "halal": "halal",
    "koscher": "kosher", "pescetarier": "pescatarian", "pescetarierin": "pescatarian", "laktosefrei": "lactose-free",
}  # fmt: skip
_DIET: Final = "(" + "|".join(sorted(_DIETS, key=len, reverse=True)) + ")"
_TAIL: Final = (
    r"(?:[\s,]+(?:jetzt|seit .*|bitte|und (?!(?:du|ihr|sie) ).*"
    r"|aber .*|weil .*|übrigens|gerade|wieder|nicht mehr .*|als .*))*"
)
_SHORT: Final = r"(?:[\s,]+(?:bitte|jetzt|wieder|übrigens|sehr|ab jetzt|ab sofort|in Zukunft))*"
_NOW: Final = r"(?: jetzt| nun| gerade| aktuell| seit(?: (?!nicht\b|kein)\w+){1,4}?)?"
_NO_THING: Final = words("das es dies diese dieser dich ihn sie euch uns montage dienstage meetings sowas so nichts")
_ALWAYS: Final = r"(?: bitte| immer| ab jetzt| ab sofort| in zukunft| künftig| wieder| nur)*"
_LANGUAGE: Final = named("language", LANGUAGES)

GERMAN: Final = Language(
    [
        *rules_of(
            _TAIL,
            (rf"(?:ich hei(?:ß|ss)e|mein name ist) {NAME}", plain("preferred_name")),
            (rf"(?:hallo|hi|hey|guten (?:tag|morgen|abend)),? ich bin(?: der| die)? {NAME}", plain("preferred_name")),
            (rf"nenn(?:e|en sie)? mich(?: bitte)? {NAME}", plain("preferred_name")),
            (rf"du kannst mich {NAME} nennen", plain("preferred_name")),
            (rf"(?:alle|meine freunde) nennen mich(?: nur)? {NAME}", plain("preferred_name")),
            (rf"seit (?!wann\b)[\w ]{{2,20}} (?:wohne|lebe) ich in {PLACE}", plain("home")),
            (rf"in {PLACE} (?:wohne|lebe) ich nicht mehr", gone("home")),
            (
                rf"seit (?!wann\b)[\w ]{{2,20}} arbeite ich (?:bei|für) {COMPANY}",
                unless({"regen", "licht", "nacht", "geld", "sonne"}, plain("employer")),
            ),
            (rf"(?:bei|für) {COMPANY} arbeite ich nicht mehr", gone("employer")),
            (rf"ich bin(?: jetzt)? (?:bei|für) {COMPANY} (?:angestellt|beschäftigt)", plain("employer")),
            (rf"(?:ich|wir) (?:wohnen?|leben?){_NOW} in {PLACE}", plain("home")),
            (rf"ich bin .{{0,30}}?nach {PLACE} (?:um)?gezogen", plain("home")),
            (rf"ich (?:wohne|lebe) nicht mehr in {PLACE}", gone("home")),
            (
                rf"ich arbeite{_NOW} (?:bei|für) {COMPANY}",
                unless({"regen", "licht", "nacht", "geld", "sonne"}, plain("employer")),
            ),
            (rf"ich arbeite nicht mehr (?:bei|für) {COMPANY}", gone("employer")),
            (rf"ich bin(?: jetzt| seit \w+)? {_DIET}", named("diet", _DIETS)),
            (rf"ich (?:esse|ernähre mich)(?: nur| immer| jetzt)? {_DIET}", named("diet", _DIETS)),
            (
                rf"ich bin (?:nicht mehr|kein) {_DIET}(?: mehr)?",
                lambda match: [Preference("diet", None)] if "mehr" in match[0] else [],
            ),
        ),
        *rules_of(
            _SHORT,
            (
                rf"ich (?:wohne|lebe){_NOW} in {LOWER}",
                unless({"den", "der", "die", "dem", "einer", "einem", "saus"}, plain("home")),
            ),
            (
                (
                    rf"(?:antworte|schreib|rede|sprich)(?:e|en sie)?(?: mir"
                    rf"| mit mir)?{_ALWAYS}(?: auf)? {LANGUAGE}(?: mit mir)?"
                ),
                _LANGUAGE,
            ),
            (r"mein geburtstag ist (?:der |am )?(\d{1,2}[.\ue000]?\s?\w+(?: \d{4})?)", plain("birthday")),
            (r"ich bin am (\d{1,2}[.\ue000]?\s?\w+(?: \d{4})?) geboren", plain("birthday")),
            (rf"ich bin allergisch gegen {THINGS}", each("allergy", "alle ", _NO_THING)),
            (r"ich habe eine (\w{2,30}?)-?allergie", each("allergy", "")),
            (rf"ich bin gegen (?!.*\bnicht\b){THINGS} allergisch", each("allergy", "alle ", _NO_THING)),
            (r"meine zeitzone ist ([\w/+:-]{2,40})", plain("time_zone")),
            (rf"ich bin nicht mehr allergisch gegen {THINGS}", each("allergy", "alle ", taken_back=True)),
            (rf"ich esse keine?n? {THINGS}", each("avoids", "", _NO_THING)),
            (rf"ich trinke keinen? {THINGS}", each("avoids", "", _NO_THING)),
            (
                (
                    r"(?:antworte|schreib)e?(?: mir)?(?: bitte)?(?: immer"
                    r"| ab jetzt)(?: bitte)? (?:kurz|knapp)|fass(?:e)? dich(?: bitte)?(?: immer)? kurz"
                ),
                fixed("answer_length", "short"),
            ),
            (
                r"meine woche (?:beginnt|fängt) (?:immer )?(?:am |mit )?(?:dem )?(" + "|".join(_DAYS) + r")(?: an)?",
                named("week_start", _DAYS),
            ),
            (
                rf"ich (?:trinke|esse|nehme|habe|mag) (?:immer )?lieber {THING}",
                each("likes", "den |die |das ", _NO_THING),
            ),
            (
                rf"ich (?:mag|liebe) {THINGS}",
                each("likes", "", {*_NO_THING, "kein", "keine", "keinen", "lieber", "nicht", "den", "die"}),
            ),
            (rf"ich (?:hasse|mag keine?n?) {THINGS}", each("dislikes", "", _NO_THING)),
            (
                r"meine? lieblings(\w{3,20}) ist (?:das |die |der )?([\w' -]{2,40}?)",
                lambda match: [Preference(f"favourite_{match[1].casefold()}", match[2])],
            ),
            (r"du (?:kannst|darfst) mich duzen|duz(?:e)? mich(?: bitte)?", fixed("tone", "informal")),
            (r"siezen? (?:sie )?mich(?: bitte)?|(?:bitte )?sieze mich", fixed("tone", "formal")),
        ),
    ],
    opening=re.compile(
        r"^(?:(?:bitte|also|und|übrigens|okay|ok|ja|nein|merk dir(?: bitte)?(?:,? dass)?|ab jetzt"
        r"|ab sofort)[\s,:]+)*",
        re.IGNORECASE,
    ),
    joint=re.compile(
        r",?\s+(?:und|aber)\s+(?=(?:ich|mein|nenn|antworte)\b)|,\s+(?=(?:ich|mein|nenn|antworte|kannst|was|wie"
        r"|wo)\b)",
        re.IGNORECASE,
    ),
    correction=re.compile(
        r"^(?:(?:nein|sorry|doch|entschuldigung|ich meine?(?:te)?|korrektur)[\s,:]+)+([\w' -]{2,40}?)[\s.!]*$",
        re.IGNORECASE,
    ),
)
