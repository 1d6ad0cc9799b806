"""Rules for statements in Spanish."""

from __future__ import annotations

import re
from typing import Final

from memory.preferences.preference import Language, Preference, each, fixed, gone, named, plain, rules_of, unless
from memory.preferences.words import COMPANY, LANGUAGE, LANGUAGES, LOWER, NAME, PLACE, THINGS, words

_DAYS: Final = {
    "lunes": "monday", "martes": "tuesday", "miércoles": "wednesday", "jueves": "thursday", "viernes": "friday",
    "sábado": "saturday", "domingo": "sunday",
}  # fmt: skip
_DIETS: Final = {
    "vegano": "vegan", "vegana": "vegan", "vegetariano": "vegetarian", "vegetariana": "vegetarian",
    "sin gluten": "gluten-free", "halal": "halal", "kosher": "kosher", "pescetariano": "pescatarian",
    "pescetariana": "pescatarian",
}  # fmt: skip
_DIET: Final = "(" + "|".join(sorted(_DIETS, key=len, reverse=True)) + ")"
_TAIL: Final = r"(?:[\s,]+(?:ahora|desde .*|por favor|gracias|y .*|pero .*|porque .*|por cierto|como .*))*"
_LATER: Final = r"(?:[\s,]+(?:ahora|por favor|gracias|a partir de ahora|de ahora en adelante|mucho))*"
_NOW: Final = r"(?:ahora |actualmente )?"
_ARTICLES: Final = r"a las |a los |a la |al |las |los |la |el |a "
_NO_THING: Final = words("eso esto ello lunes martes que ti ser cuando mi tu más segundo segunda otra otro")
_NOT_A_NAME: Final = words("mañana luego después un una cuando más")
_ANSWER: Final = (
    r"(?:respóndeme|respondeme|responde|contéstame|contestame|contesta|háblame|hablame|escríbeme)(?: siempre)?"
)

SPANISH: Final = Language(
    [
        *rules_of(
            _TAIL,
            (rf"(?:me llamo|mi nombre es|soy) {NAME}", unless(_NOT_A_NAME, plain("preferred_name"))),
            (rf"(?:llámame|llamame|puedes llamarme) {NAME}", unless(_NOT_A_NAME, plain("preferred_name"))),
            (rf"(?:todos|mis amigos) me llaman {NAME}", plain("preferred_name")),
            (rf"(?:dejé|he dejado) de trabajar (?:en|para) {COMPANY}", gone("employer")),
            (rf"{_NOW}(?:vivo|vivimos)(?: ahora)? en {PLACE}", plain("home")),
            (rf"(?:me mudé|me he mudado|acabo de mudarme|me acabo de mudar) a {PLACE}", plain("home")),
            (rf"ya no vivo en {PLACE}", gone("home")),
            (rf"{_NOW}trabajo(?: ahora)? (?:en|para) {COMPANY}", plain("employer")),
            (rf"ya no trabajo (?:en|para) {COMPANY}", gone("employer")),
            (rf"(?:soy|me hice) {_DIET}", named("diet", _DIETS)),
            (rf"(?:sigo una dieta|como(?: solo)?) {_DIET}", named("diet", _DIETS)),
            (rf"ya no soy {_DIET}", gone("diet")),
        ),
        *rules_of(
            _LATER,
            (
                rf"{_NOW}vivo en {LOWER}",
                unless({"las", "los", "la", "el", "un", "una", "mi", "casa", "paz", "pareja"}, plain("home")),
            ),
            (rf"{_ANSWER} en {LANGUAGE}", named("language", LANGUAGES)),
            (r"mi cumpleaños es el (\d{1,2} de \w+(?: de \d{4})?)", plain("birthday")),
            (r"nací el (\d{1,2} de \w+(?: de \d{4})?)", plain("birthday")),
            (rf"soy alérgic[oa] {THINGS}", each("allergy", _ARTICLES, _NO_THING)),
            (rf"tengo alergia {THINGS}", each("allergy", _ARTICLES, _NO_THING)),
            (rf"ya no soy alérgic[oa] {THINGS}", each("allergy", _ARTICLES, taken_back=True)),
            (
                rf"no (?:como|bebo) {THINGS}",
                each("avoids", _ARTICLES, {*_NO_THING, "nada", "antes", "mucho", "en", "hasta", "después"}),
            ),
            (
                r"me (?:gusta|gustan|encanta|encantan) ((?:el |la |los |las )[\w' -]{2,60}?)",
                each("likes", _ARTICLES, _NO_THING),
            ),
            (r"prefiero ((?:el |la |los |las )[\w' -]{2,60}?)", each("likes", _ARTICLES, _NO_THING)),
            (rf"(?:odio|detesto) {THINGS}", each("dislikes", _ARTICLES, _NO_THING)),
            (r"ya no me gustan? ((?:el |la |los |las )[\w' -]{2,60}?)", each("likes", _ARTICLES, taken_back=True)),
            (
                r"mi (\w{3,20}) (?:favorit[oa]|preferid[oa]) es (?:el |la )?([\w' -]{2,40}?)",
                lambda match: [Preference(f"favourite_{match[1].casefold()}", match[2])],
            ),
            (
                rf"{_ANSWER}(?: siempre)? (?:de forma breve|brevemente|de manera breve)|sé siempre breve",
                fixed("answer_length", "short"),
            ),
            (
                r"(?:dame siempre|siempre dame) respuestas (?:cortas|breves)",
                fixed("answer_length", "short"),
            ),
            (r"mi zona horaria es ([\w/+:-]{2,40})", plain("time_zone")),
            (r"mi semana empieza (?:el |los )?(" + "|".join(_DAYS) + ")", named("week_start", _DAYS)),
            (r"puedes tutearme|tutéame", fixed("tone", "informal")),
            (r"trátame de usted", fixed("tone", "formal")),
        ),
    ],
    opening=re.compile(
        r"^[¡]?(?:(?:hola|buenas|buenos días|bueno|y|ok|sí|no,|por cierto|por favor"
        r"|recuerda(?: que)?|a partir de ahora|de ahora en adelante)[\s,:]+)*",
        re.IGNORECASE,
    ),
    joint=re.compile(
        r",?\s+(?:y|pero)\s+(?=(?:vivo|trabajo|soy|me llamo|mi|llámame)\b)"
        r"|,\s+(?=(?:vivo|trabajo|soy|me|mi|llámame|puedes|qué|cómo|¿)\b)",
        re.IGNORECASE,
    ),
    correction=re.compile(
        r"^(?:(?:no|perdón|perdona|en realidad|mejor dicho|quise decir)[\s,:]+)+([\w' -]{2,40}?)[\s.!]*$", re.IGNORECASE
    ),
)
