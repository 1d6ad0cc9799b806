"""Rules for statements in English."""

from __future__ import annotations

import re
from typing import Final

from memory.preferences.preference import (
    Language,
    Make,
    Preference,
    each,
    fixed,
    gone,
    named,
    plain,
    rules_of,
    trimmed,
    unless,
)
from memory.preferences.words import COMPANY, LANGUAGE, LANGUAGES, LOWER, NAME, NOT_A_NAME, PLACE, THING, THINGS, words
from memory.text import WEEKDAYS

_LATER: Final = (
    r"now|right now|currently|nowadays|these days|at the moment|at present|from now on|in future|again|instead|too"
    r"|as well|though|please|thanks|thank you|by the way|btw|ok|okay|actually|(?:last|this) \w+"
    r"|a lot|very much|thank god|luckily|nice to meet you|(?:just )?so you know|fyi|for the record"
    r"|(?:\w+|a few|a couple of|many) (?:years?|months?|weeks?|days?) ago"
)
_REASON: Final = (
    r"(?:since|because|with|but|when|while|for|in|near|as|who|which|where|so|not|instead|like|at (?:the|least)"
    r"|and (?!(?:i|you|we|they|he|she|it)(?:['’]ll| will)\b)(?-i:[a-z])"
    r"|and then) ?.*"
)
_TAIL: Final = rf"(?:[\s,]+(?:{_LATER}))*(?:[\s,]+(?:{_REASON}))?"
# A shorter tail, where anything else would be a part of the value or change its meaning.
_SHORT: Final = rf"(?:[\s,]+(?:{_LATER}))*"
_IM: Final = r"(?:i['’]m|i am|im|we['’]re|we are)"
_DONT: Final = r"(?:don['’]?t|do not)"
_DAY: Final = "(" + "|".join(WEEKDAYS) + ")"
_EVER: Final = r"(?:always |only |please )*"
_ME: Final = r"(?: to me| with me| me)?"
_NO_MORE: Final = r" (?:any ?more|any longer)"
_PLEASE: Final = r"(?:please )?"
_UNTIL_NOW: Final = r"(?:since [\w ]{2,20}?|for [\w ]{1,20}? (?:years?|months?))(?: now)?"
_NOT_A_HOME: Final = words("""
a an my your his her our their this that one fear hope peace pain denial poverty constant sin luxury dread interesting
the ignore moment times town harmony isolation chaos
""")
_NOT_PREFERRED: Final = words("""
not no never neither nor nothing none nobody without cannot
""")
_NO_THING: Final = words("""
it this that these those them him her one ones so way you me be now option idea ideas design version plan to how when
where what if being us again everything something anything nothing people your his answer answers response responses
""")
_DIETS: Final = {
    diet: diet.removeprefix("a ").replace("gluten free", "gluten-free")
    for diet in (
        "vegan", "vegetarian", "pescatarian", "gluten-free", "gluten free", "halal", "kosher", "keto", "paleo",
        "lactose-free", "dairy-free", "low-carb", "plant-based", "a vegan", "a vegetarian", "a pescatarian",
    )
}  # fmt: skip
_DIET: Final = "(" + "|".join(sorted(_DIETS, key=len, reverse=True)) + ")"
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE: Final = r"((?:the )?[\w ,./-]{3,30}?)"
_NOT_AN_ALLERGY: Final = _NO_THING | {
    "mondays",
    "tuesdays",
    "mornings",
    "meetings",
    "work",
    "bullshit",
    "stupidity",
    "exercise",
}
_SHORT_ANSWER: Final = r"(?:short|brief|concise|to the point)"
_LONG_ANSWER: Final = r"(?:long|detailed|thorough|in-depth)"


def _dated(make: Make) -> Make:
    """`make`, if the value names a day."""

    def checked(match: re.Match[str]) -> list[Preference]:
        return list(make(match)) if re.search(rf"\d|\b(?:{_MONTHS})", match[1], re.IGNORECASE) else []

    return checked


def _employer(match: re.Match[str]) -> list[Preference]:
    """Only a name: people also "work for food"."""
    name = trimmed(match[1])
    return [] if name.endswith(("'s", "’s")) else [Preference("employer", name)]


def _preferring(match: re.Match[str]) -> list[Preference]:
    words = re.split(r"\s+(?:over|to|rather than|instead of|than|because|when|if)\s+|,", match[1])[0]
    liked = trimmed(re.sub(rf"[\s,]+(?:{_LATER}|and (?-i:[a-z]).*|with .*)$", "", words, flags=re.IGNORECASE))
    said = liked.casefold().split()
    if not said or not said[-1].isalpha() or said[-1] in _NO_THING:
        return []
    if any(word in _NOT_PREFERRED or word.replace("’", "'").endswith("n't") for word in said):
        return []
    return [Preference(f"prefers_{said[-1]}", liked)]


def _favourite(match: re.Match[str]) -> list[Preference]:
    return [Preference("favourite_" + "_".join(match[1].casefold().split()), trimmed(match[2]))]


def _left(match: re.Match[str]) -> list[Preference]:
    return [] if match[1].endswith(("'s", "’s")) else [Preference("employer", None, trimmed(match[1]))]


_HOME: Final = unless(_NOT_A_HOME, plain("home"))
_NAMED: Final = unless(NOT_A_NAME, plain("preferred_name"))
_LANGUAGE: Final = named("language", LANGUAGES)
_DIETED: Final = named("diet", _DIETS)
_CALLED: Final = rf"(?:you (?:can|may) |i want you to |i['’]d like you to )?(?:just |simply )?call me {NAME}"

_RULES: Final = [
    *rules_of(
        _TAIL,
        (_CALLED, _NAMED),
        (rf"(?:every(?:one|body)|most people) calls? me {NAME}", _NAMED),
        (
            rf"(?:my )?(?:friends|colleagues|family|people|folks)(?: (?:all|mostly|usually|just))? call me {NAME}",
            _NAMED,
        ),
        (rf"{_DONT} call me [\w'’]+", lambda _: []),
        (rf"(?:i go by|{_IM} called|(?:my|the) name(?: is|['’]s)) {NAME}", _NAMED),
        (
            r"(?:i go by|call me|my name(?: is|['’]s)) ((?-i:[a-zà-ÿ]{2,})(?=[\s.!]*$))",
            unless(
                {*NOT_A_NAME, "crazy", "anytime", "whenever", "asap", "up", "out", "soon", "on", "maybe"},
                plain("preferred_name"),
            ),
        ),
        (rf"i(?: now| currently| still)? live in {PLACE}", _HOME),
        (rf"we(?: now| currently)? live in {PLACE}", _HOME),
        (rf"{_IM}(?: now| currently)? (?:living in|based in|based out of) {PLACE}", _HOME),
        (
            (
                rf"(?:i|we|my (?:wife|husband|partner|family) and i)(?:['’]ve| have)?(?: just| recently"
                rf"| finally)? (?:moved|relocated) (?:to|back to) {PLACE}"
            ),
            _HOME,
        ),
        (rf"(?:my )?home is (?:in )?{PLACE}", _HOME),
        (rf"i(?: now| currently| still)? work (?:at|for) {COMPANY}", _employer),
        (rf"{_IM}(?: now)? (?:employed (?:by|at)|working (?:at|for)) {COMPANY}", _employer),
        (
            (
                rf"i(?:['’]ve| have)?(?: just| recently)? (?:started"
                rf"|joined)(?: work(?:ing)?)?(?: at)? {COMPANY}"
            ),
            _employer,
        ),
        (
            rf"i(?:['’]ve| have|['’]ve just| just)?(?: got| found| have)? a(?: new)? job (?:at|with) {COMPANY}",
            _employer,
        ),
        (rf"my employer is {COMPANY}", _employer),
        (
            rf"i (?:quit|left) my job(?: (?:at|with) {COMPANY})?",
            lambda match: [Preference("employer", None, trimmed(match[1]) if match[1] else None)],
        ),
        (rf"i(?:['’]ve| have)?(?: just)? (?:left|quit) {COMPANY}", _left),
        (rf"i (?:was|got|have been) (?:laid off|fired|let go) (?:from|by) {COMPANY}", _left),
        (rf"i no longer work (?:at|for) {COMPANY}", gone("employer")),
        (rf"i {_DONT} work (?:at|for) {COMPANY}{_NO_MORE}", gone("employer")),
        (rf"(?:i|we) no longer live in {PLACE}", gone("home")),
        (rf"(?:i|we)(?:['’]ve| have)? moved away from {PLACE}", gone("home")),
        (rf"(?:i|we) {_DONT} live in {PLACE}{_NO_MORE}", gone("home")),
        (rf"i used to (?:live|work) (?:in|at|for) {PLACE}", lambda _: []),
        (rf"{_IM}(?: strictly)? {_DIET}", _DIETED),
        (rf"i(?:['’]ve| have)(?: always)? been {_DIET}", _DIETED),
        (rf"i (?:became|went|turned) {_DIET}", _DIETED),
        (rf"i(?: only| strictly)? eat {_DIET}(?: food)?", _DIETED),
        (rf"(?:i follow|{_IM} on) a {_DIET} diet", _DIETED),
        (rf"{_IM} no longer {_DIET}", gone("diet")),
        (rf"{_IM} not {_DIET}{_NO_MORE}", gone("diet")),
    ),
    *rules_of(
        r"(?:[\s,]+(?:so\b|which\b|but\b|that['’]s why|since\b) ?.*)?" + _SHORT,
        (rf"(?:{_IM} )allergic to {THINGS}", each("allergy", "all |the ", _NOT_AN_ALLERGY)),
        (rf"i(?:['’]ve| have)(?: got)? an? {THING} allergy", each("allergy", "a ", {*_NO_THING, "bad", "severe"})),
        (rf"{_IM} (?:no longer allergic to {THINGS})", each("allergy", "all |the ", taken_back=True)),
        (rf"{_IM} not allergic to {THINGS}{_NO_MORE}", each("allergy", "all |the ", taken_back=True)),
        (rf"{_IM} ([\w-]+)[ -]intolerant", each("allergy", "an? ", _NO_THING)),
        (
            rf"i (?:{_DONT}|never) eat {THINGS}",
            each(
                "avoids",
                "any ",
                {
                    *_NO_THING,
                    "before",
                    "after",
                    "at",
                    "much",
                    "breakfast",
                    "lunch",
                    "dinner",
                    "out",
                    "late",
                    "in",
                    "on",
                },
            ),
        ),
        (rf"i (?:{_DONT}|never) drink {THINGS}", each("avoids", "any ", {*_NO_THING, "before", "after", "much", "at"})),
        (rf"i {_DONT} (?:like|love|enjoy) {THING}{_NO_MORE}", each("likes", "the ", taken_back=True)),
        (rf"i no longer (?:like|love|enjoy) {THING}", each("likes", "the ", taken_back=True)),
        (
            rf"i(?: really)? (?:hate|can['’]t stand|cannot stand|dislike) {THINGS}",
            each("dislikes", "all ", {*_NO_THING, "the", "my"}),
        ),
        (
            rf"i(?: really)? {_DONT}(?: really)? (?:like|enjoy) {THINGS}",
            each("dislikes", "", {*_NO_THING, "the", "my"}),
        ),
        (
            rf"i(?: really)? (?:like|love|enjoy) {THINGS}",
            each("likes", "", {*_NO_THING, "the", "my", "a", "an", "our", "in", "at", "on"}),
        ),
        (r"(?:i['’]d always rather have) ([\w' -]{2,60})", _preferring),
    ),
    *rules_of(
        _SHORT,
        (rf"{_IM} {NAME}", _NAMED),
        (rf"(?:i|we)['’]?(?:ve| have) (?:been living|lived) in {PLACE} {_UNTIL_NOW}", _HOME),
        (rf"i['’]?(?:ve| have) (?:been working|worked) (?:at|for) {COMPANY} {_UNTIL_NOW}", _employer),
        (r"(?:my )?pronouns(?: are|:) ([\w]+(?:/\w+)+|[\w]+ and [\w]+)", plain("pronouns")),
        (r"i use (\w+/\w+(?:/\w+)?) pronouns", plain("pronouns")),
        (rf"i (?:now )?live in {LOWER}", _HOME),
        (
            (
                rf"{_EVER}(?:from now on )?(?:answer|reply|respond|write|speak"
                rf"|talk|switch(?: back)? to(?! me)"
                rf"|go back to(?! me)){_ME}(?: always)?(?: back)?(?: in)? {LANGUAGE}(?: (?:with|to) me)?"
            ),
            _LANGUAGE,
        ),
        (
            (
                rf"i(?:['’]d| would) like you to (?:always )?(?:answer|reply|respond|write|speak"
                rf"|talk){_ME} in {LANGUAGE}"
            ),
            _LANGUAGE,
        ),
        (
            (
                r"(?:could|can|would|will) you (?:please )?(?:"
                rf"always (?:answer|reply|respond|write|speak){_ME} in {LANGUAGE}"
                rf"|(?:answer|reply|respond|write|speak){_ME} in {LANGUAGE} from now on)\??"
            ),
            lambda match: [Preference("language", LANGUAGES[(match[1] or match[2]).casefold()])],
        ),
        (rf"my (?:first|native|preferred) language is {LANGUAGE}", _LANGUAGE),
        (rf"i(?:['’]d)? prefer (?:answers|replies|responses|to be answered) in {LANGUAGE}", _LANGUAGE),
        (rf"my birthday is (?:on )?{_DATE}(?:, in case you wonder)?", _dated(plain("birthday"))),
        (rf"i was born on (?:the )?{_DATE}", _dated(plain("birthday"))),
        (r"my time ?zone is ([\w/+: -]{2,40})", plain("time_zone")),
        (rf"{_IM} in the ([A-Z]{{2,5}}|\w+/\w+) time ?zone", plain("time_zone")),
        (
            rf"(?:for me,? )?(?:my|the) weeks? (?:always )?(?:starts?|begins?) (?:on )?(?:a )?{_DAY}s?",
            lambda match: [Preference("week_start", match[1].lower())],
        ),
        (rf"start my weeks? on (?:a )?{_DAY}s?", lambda match: [Preference("week_start", match[1].lower())]),
        (r"my (?:working|office) hours are (?:from )?([\w: .–-]{3,30})", plain("working_hours")),
        (r"i work from (\d[\w: .–-]{2,30})", plain("working_hours")),
        (
            rf"{_EVER}(?:use|i(?:['’]d)? prefer|i use) (?:the )?(metric|imperial)(?: units?| system)",
            lambda match: [Preference("units", match[1].lower())],
        ),
        (
            r"(?:always )?(?:show|give|write|list) (?:me )?(?:all )?(?:prices|amounts|costs) in ([\w ]{3,20})",
            plain("currency"),
        ),
        (r"my currency is (?:the )?([\w ]{3,20})", plain("currency")),
        (
            rf"{_EVER}(?:i(?:['’]d)? prefer|use) (?:the |a )?(24|12)[ -]?h(?:our)?s?(?: clock| time| format)?",
            lambda match: [Preference("time_format", f"{match[1]}-hour")],
        ),
        (r"(?:always )?(?:write|format|show) dates (?:as|like|in the form) ([dmy./ -]{5,12})", plain("date_format")),
        (r"my date format is ([dmy./ -]{5,12})", plain("date_format")),
        (
            rf"{_EVER}keep (?:your|all|the) (?:answers|replies|responses) {_SHORT_ANSWER}",
            fixed("answer_length", "short"),
        ),
        (
            (
                rf"(?:i (?:like|prefer|want)|i['’]d prefer|give me"
                rf"|always give me) {_SHORT_ANSWER} (?:answers|replies|responses)"
            ),
            fixed("answer_length", "short"),
        ),
        (
            (
                rf"(?:i (?:like|prefer|want)|i['’]d prefer|give me"
                rf"|always give me) {_LONG_ANSWER} (?:answers|replies|responses)"
            ),
            fixed("answer_length", "detailed"),
        ),
        (
            rf"always (?:be|keep it) {_SHORT_ANSWER}|be {_SHORT_ANSWER} from now on|from now on,? be {_SHORT_ANSWER}",
            fixed("answer_length", "short"),
        ),
        (
            (
                r"always answer(?: me)? (?:in|with|using) bullet points"
                r"|i(?:['’]d)? prefer bullet points|always use bullet points"
            ),
            fixed("answer_style", "bullet points"),
        ),
        (
            rf"(?:{_DONT}|never) use (?:any )?emojis?(?: in your (?:answers|replies))?|no emojis",
            fixed("answer_style", "no emojis"),
        ),
        (r"(?:always )?be (formal|informal|casual|friendly)(?: with me| to me)", plain("tone")),
        (r"(?:always )?use an? (formal|informal|casual|friendly) tone", plain("tone")),
        (r"i(?:['’]d)? prefer an? (formal|informal|casual|friendly) tone", plain("tone")),
        (r"my favou?rite ([\w ]{2,30}?) is ([\w'’ &-]{2,60}?)", _favourite),
    ),
    *rules_of(
        "",
        (r"i(?:['’]d)? (?:always |usually |really |much |generally )?prefer ([\w'’ ,-]{2,80})", _preferring),
    ),
]

ENGLISH: Final = Language(
    _RULES,
    opening=re.compile(
        r"^(?:(?:please|so|and|also|well|ok|okay|hi there|hi|hello|hey there"
        r"|hey|thanks|by the way|btw|from now on|in future|just|fyi|oh"
        r"|yes|now|actually|sorry|no|remember(?: that)?|note that|just so you know|heads up|for the record"
        r"|p\.?s\.?)(?:[\s,:!]+|$))*",
        re.IGNORECASE,
    ),
    joint=re.compile(
        r",?\s+(?:and|but|so|also)\s+(?=(?:i (?!(?:will|would)\b)"
        r"|i['’]m |my |we live|call me |answer |reply |(?:work|live) |am "
        r"|allergic |have a|prefer ))"
        r"|,\s+(?:and |but |then )?(?=(?:i |i['’]m |my |we live|call me "
        r"|please |answer |can |could |what |how |would you|will you|do "
        r"|is |where |now i|list |show |add |create )(?!will\b))",
        re.IGNORECASE,
    ),
    subjects=("I ", "I'm "),
    correction=re.compile(
        r"^(?:(?:no|nope|sorry|actually|correction|wait|rather|well|oops)[\s,:]+)+(?:i mean[t]? |make (?:it|that) )?"
        r"([\w'’ -]{2,40}?)(?:[\s,]+(?:now|instead|please|not \w+))*[\s.!]*$|^i meant? ([\w'’ -]{2,40}?)[\s.!]*$",
        re.IGNORECASE,
    ),
)
