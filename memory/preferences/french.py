"""Rules for statements in French."""

from __future__ import annotations

import re
from typing import Final

from memory.preferences.preference import Language, Preference, each, fixed, gone, named, plain, rules_of, unless
from memory.preferences.words import COMPANY, LANGUAGE, LANGUAGES, LOWER, NAME, PLACE, THING, THINGS, words

_DAYS: Final = {
    "lundi": "monday", "mardi": "tuesday", "mercredi": "wednesday", "jeudi": "thursday", "vendredi": "friday",
    "samedi": "saturday", "dimanche": "sunday",
}  # fmt: skip
_DIETS: Final = {
    "végan": "vegan", "végane": "vegan", "vegan": "vegan", "végétalien": "vegan", "végétalienne": "vegan",
    "végétarien": "vegetarian", "végétarienne": "vegetarian", "sans gluten": "gluten-free", "halal": "halal",
    "casher": "kosher", "pescétarien": "pescatarian", "pescétarienne": "pescatarian",
}  # fmt: skip
_DIET: Final = "(" + "|".join(sorted(_DIETS, key=len, reverse=True)) + ")"
_PLEASE: Final = r"s['’]il (?:te|vous) pla[iî]t"
_TAIL: Final = (
    rf"(?:[\s,]+(?:maintenant|depuis .*|{_PLEASE}|merci|et .*|mais .*|parce que .*|désormais|au fait|comme .*))*"
)
_LATER: Final = rf"(?:[\s,]+(?:maintenant|{_PLEASE}|merci|désormais|à partir de maintenant|à l['’]avenir|beaucoup))*"
_NOW: Final = r"(?: maintenant| désormais| actuellement)?"
_ARTICLES: Final = r"aux |au |à la |à l['’]|les |le |la |l['’]|du |des |de la |de l['’]|de |d['’]"
_NO_THING: Final = words("ça cela ceci te vous lundis lundi mardis bien être quand")
_NOT_A_NAME: Final = words("demain plus tard un une quand dès ce tout")
_ANSWER: Final = r"(?:réponds|répondez|parle|parlez|écris|écrivez)(?:-moi)?(?: toujours| désormais)?"

FRENCH: Final = Language(
    [
        *rules_of(
            _TAIL,
            (rf"(?:je m['’]appelle|mon (?:pré)?nom est|moi,? c['’]est) {NAME}", plain("preferred_name")),
            (rf"appel(?:le|ez)-moi {NAME}", unless(_NOT_A_NAME, plain("preferred_name"))),
            (rf"(?:tout le monde|mes amis) m['’]appell(?:e|ent) {NAME}", plain("preferred_name")),
            (rf"j['’]ai quitté {COMPANY}(?=[\s.!]*$)", unless({"la", "le"}, gone("employer"))),
            (rf"(?:tu peux|vous pouvez) m['’]appeler {NAME}", plain("preferred_name")),
            (rf"(?:j['’]habite|je vis|nous habitons){_NOW} (?:à|au|en|aux) {PLACE}", plain("home")),
            (
                (
                    rf"(?:j['’]ai |je viens de |je viens d['’])(?:récemment )?(?:déménag(?:é|er)|emménag(?:é"
                    rf"|er)) (?:à|au|en) {PLACE}"
                ),
                plain("home"),
            ),
            (rf"je (?:n['’]habite|ne vis) plus (?:à|au|en) {PLACE}", gone("home")),
            (rf"je travaille{_NOW} (?:chez|pour) {COMPANY}", plain("employer")),
            (rf"je ne travaille plus (?:chez|pour|à) {COMPANY}", gone("employer")),
            (rf"je suis(?: maintenant| devenue?)? {_DIET}", named("diet", _DIETS)),
            (rf"je mange(?: uniquement| toujours)? {_DIET}", named("diet", _DIETS)),
            (rf"je ne suis plus {_DIET}", gone("diet")),
        ),
        *rules_of(
            _LATER,
            (
                rf"(?:j['’]habite|je vis){_NOW} (?:à|au|en) {LOWER}",
                unless(
                    {"fond", "crédit", "deux", "moitié", "côté", "la", "paix", "coloc", "colocation"}, plain("home")
                ),
            ),
            (rf"{_ANSWER} en {LANGUAGE}", named("language", LANGUAGES)),
            (r"mon anniversaire est le (\d{1,2}(?:er)? [\wéû]+(?: \d{4})?)", plain("birthday")),
            (r"je suis née? le (\d{1,2}(?:er)? [\wéû]+(?: \d{4})?)", plain("birthday")),
            (rf"je suis allergique {THINGS}", each("allergy", _ARTICLES, _NO_THING)),
            (rf"je ne suis plus allergique {THINGS}", each("allergy", _ARTICLES, taken_back=True)),
            (rf"je ne (?:mange|bois) (?:pas|jamais) (?:de |d['’]){THINGS}", each("avoids", _ARTICLES, _NO_THING)),
            (
                r"(?:j['’]aime|j['’]adore)(?: bien| beaucoup)? ((?:le |la |les |l['’])[\w'’, -]{2,60}?)",
                each("likes", _ARTICLES, _NO_THING),
            ),
            (
                r"je préfère ((?:le |la |les |l['’])[\w'’ -]{2,60}?)",
                each("likes", _ARTICLES, {*_NO_THING, "deuxième", "premier", "première", "autre", "second"}),
            ),
            (rf"je déteste {THINGS}", each("dislikes", _ARTICLES, _NO_THING)),
            (rf"je n['’]aime plus {THING}", each("likes", _ARTICLES, taken_back=True)),
            (
                r"ma? (\w{3,20}) préférée? est (?:le |la |l['’])?([\w'’ -]{2,40}?)",
                lambda match: [Preference(f"favourite_{match[1].casefold()}", match[2])],
            ),
            (
                rf"{_ANSWER}(?: toujours)? (?:brièvement|de façon brève|de manière concise)",
                fixed("answer_length", "short"),
            ),
            (
                (
                    r"(?:fais|faites|donne|donnez)(?:-moi)? (?:toujours|désormais) (?:des|de) réponses (?:courtes"
                    r"|brèves)"
                ),
                fixed("answer_length", "short"),
            ),
            (r"mon fuseau horaire est ([\w/+:-]{2,40})", plain("time_zone")),
            (r"ma semaine commence (?:le )?(" + "|".join(_DAYS) + ")", named("week_start", _DAYS)),
            (r"tu peux me tutoyer|(?:on peut se tutoyer)|tutoie-moi|tutoyez-moi", fixed("tone", "informal")),
            (r"vouvoie-moi|vouvoyez-moi", fixed("tone", "formal")),
        ),
    ],
    opening=re.compile(
        rf"^(?:(?:bonjour|salut|bonsoir|coucou|alors|et|ok|oui|non|au fait"
        rf"|retiens(?: que)?|{_PLEASE}|désormais|à partir de maintenant)[\s,:]+)*",
        re.IGNORECASE,
    ),
    joint=re.compile(
        r",?\s+(?:et|mais)\s+(?=(?:je|j['’]|mon|ma|appelle)\b)|,\s+(?=(?:je|j['’]|mon|ma|appelle|peux|que"
        r"|comment|où)\b)",
        re.IGNORECASE,
    ),
    correction=re.compile(
        r"^(?:(?:non|pardon|désolée?|en fait|plutôt|je voulais dire)[\s,:]+)+([\w'’ -]{2,40}?)[\s.!]*$", re.IGNORECASE
    ),
)
