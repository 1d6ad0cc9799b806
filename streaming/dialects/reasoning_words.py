"""The first words of reasoning that has no opening tag, in lower case."""

from __future__ import annotations

from typing import Final

# The first words of reasoning. An answer never speaks of "the user"; the other words may also begin an answer.
CERTAIN: Final = (
    *("the user", "okay, the user", "okay, so the user", "ok, the user", "用户", "ユーザー", "사용자", "пользователь"),
    *("der nutzer", "der benutzer", "l'utilisateur", "el usuario", "o usuário", "l'utente"),
)
LIKELY: Final = (
    "okay",
    "ok,",
    "the person",
    "the question",
    "the request",
    "the query",
    "the prompt",
    "we are asked",
    "we're asked",
    "i'm asked",
    "i am asked",
    "they want",
    "they ask",
    "let me ",
    "let's think",
    "hmm",
    "wait,",
    "we need to",
    "we should",
    "we have to",
    "i need to",
    "i should",
    "i have to",
    "thinking process",
    "好的，用户",
    "首先",
)
# Many answers begin with the same letters, so one letter alone is not held back for these.
LIKELY_WORDS: Final = ("alright", "all right,", "first,", "so,", "so the ")
# Many answers begin with these too, so no more than one sentence is held back.
PERHAPS: Final = (
    "looking at ",
    "this is a ",
    "to answer",
    "i look",
    "i check",
    "i think",
    "i want",
    "i will",
    "i'll",
    "i see",
    "now ",
    "user ",
)
FIRST_WORDS: Final = (*CERTAIN, *LIKELY, *PERHAPS)
