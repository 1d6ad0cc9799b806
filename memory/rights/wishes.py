"""What a message asks of memory itself: not to store it, or to forget something. Found by rules. Pure.

Only a request to the assistant counts: not a question about the words, not somebody's quoted words, not "don't forget
the milk". A message that asks for neither has no wish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from memory.rights.erase_wishes import asks_to_erase
from memory.text import sentences_of

# Most repetitions have a bound, so that the time of a search is linear: 4,000 commas took four seconds without.

# What may come before a request in its sentence.
_POLITE: Final = (
    r"(?:(?:please|and|but|so|also|oh|hey|ok|okay|now|actually|by the way|btw"
    r"|bitte|s'il te pla[iî]t|por favor)[\s,:]++){0,8}"
)
_LEAD: Final = rf"^\W*+{_POLITE}"
_ASK: Final = r"(?:(?:can|could|will|would) you (?:please )?)?(?:i want you to |i'd like you to )?"
_END: Final = (
    r"(?:[\s,]{1,5}(?:please|anywhere|at all|for me|though|ok|okay|thanks|in (?:your )?memory|bitte)){0,6}"
    r"\s{0,5}[.!?]{0,20}$"
)
_THIS: Final = (
    r"(?:this|that|it|any of (?:this|that)|this (?:message|conversation|chat|part|one)|(?:what|anything) i(?:'m| am)?"
    r" (?:just )?(?:say|said|saying|tell you|told you|telling you|wrote)(?: here| now| you)?)"
)
_STORE: Final = "(?:remember|save|store|memori[sz]e|record|log|keep)"
_NOT_STORED: Final = (
    rf"(?:don['’]t|do not|not|never) {_STORE} {_THIS}",
    (
        r"(?:(?:this|that|it)(?:['’]s| is| stays)(?: strictly| just)? |keep (?:this|that|it) |strictly )?"
        r"off[ -]the[ -]record"
    ),
    (
        r"(?:(?:this|that|it)(?:['’]s| is| stays) |keep (?:this|that|it) )?"
        r"(?:just )?between (?:you and me|us)"
    ),
    (
        r"(?:merk(?:e)? dir (?:das|dies)(?: bitte)? nicht|(?:das|dies) (?:bitte )?nicht (?:merken|speichern)"
        r"|speicher(?:e)? (?:das|dies)(?: bitte)? nicht|(?:das bleibt )?unter uns(?: gesagt)?)"
    ),
    r"(?:ne (?:retiens|m[ée]morise|sauvegarde|garde) pas (?:ça|cela|ceci)|(?:que )?[çc]a reste entre nous)",
    r"(?:no (?:recuerdes|guardes|memorices) (?:esto|eso)|(?:que )?(?:esto|eso) (?:quede|queda) entre nosotros)",
)
_JAPANESE: Final = r"(?:これ|それ|このこと)(?:は|を)?(?:覚えないで|記憶しないで|保存しないで)(?:ください)?"
_ANY: Final = rf"{_ASK}(?:{'|'.join(_NOT_STORED)})"
# The whole sentence is the request.
_ALONE: Final = re.compile(rf"{_LEAD}{_ANY}{_END}|^\W*{_JAPANESE}[。！!.]*$", re.IGNORECASE)
# The request comes before the content: "don't remember this: ...". "Don't store it, eat it" is about a thing.
_BEFORE: Final = re.compile(
    rf"{_LEAD}{_ANY}(?:[\s,]+please)?(?:\s*[:–—]|\s+-+\s|(?<!\bit)\s*,)|^\W*{_JAPANESE}\s*[:：、。,]", re.IGNORECASE
)
# The request comes after the content: "..., don't remember this".
_AFTER: Final = re.compile(
    rf"(?:[,:–—(]|\s-+\s|\s(?=(?:(?:and|but|so) )?(?:please|bitte)\b))\s*\W{{0,10}}{_POLITE}{_ANY}\)?{_END}"
    rf"|[、,。]\s*{_JAPANESE}[。！!.]*$",
    re.IGNORECASE,
)
_PREVIOUS: Final = re.compile(
    rf"{_LEAD}{_ASK}(?:(?:forget|delete|erase) (?:what i (?:just )?(?:said|told you|wrote)(?: just now| before)?"
    r"|(?:my|the) (?:last|previous) message|(?:this|that|it) from (?:your )?memory"
    r"|(?:that )?i (?:just )?(?:said|told you|mentioned) (?:that|this|it|anything))"
    rf"|vergiss,? was ich (?:gerade )?gesagt habe|oublie ce que (?:je viens de dire|j'ai dit)"
    rf"|olvida lo que (?:acabo de decir|dije))"
    rf"{_END}"
    r"|^\W*(?:今|さっき)(?:言った|話した)こと(?:は|を)?忘れて(?:ください)?[。！!.]*$",
    re.IGNORECASE,
)
_MINE: Final = r"(?:my|our|meinen?|meine[mrs]?|mein|mon|ma|mes|mi|mis)"
_FORGET: Final = re.compile(
    rf"{_LEAD}{_ASK}(?:forget|delete from (?:your )?memory|erase from (?:your )?memory|vergiss|oublie|olvida) "  # noqa: S608
    rf"(?:(?P<all>everything|all|alles|tout|todo)(?: (?:that )?(?:i (?:said|told you)|you (?:know|remember|have)))?"
    rf" (?:about|[üu]ber|sur|sobre) (?P<about>.+?)"
    rf"|(?:what i (?:said|told you)|what you (?:know|remember)) about (?P<told>.+?)|that (?P<fact>(?:i|my|we|our)\b.+?)"
    rf"|(?P<mine>{_MINE} .+?)|about (?P<topic>{_MINE} .+?))(?: from (?:your )?memory)?{_END}",
    re.IGNORECASE,
)
# "Delete my phone number" alone may be about an item or a note, so these verbs need the memory or what it knows.
_REMOVE: Final = re.compile(
    rf"{_LEAD}{_ASK}(?:delete|erase|remove|wipe) "
    r"(?:(?:(?P<all>everything|all)|what) (?:that )?(?:you (?:know|remember)|i (?:said|told you)) about (?P<about>.+?)"
    rf"(?: from (?:your )?memory)?|(?P<mine>{_MINE} .+?) from (?:your )?memory){_END}",
    re.IGNORECASE,
)
# Without its last character, the quotation does not end.
_QUOTES: Final = re.compile(r"[\"“”„«»][^\"“”«»]*+([\"“”«»]?)|`[^`]*+(`?)")
# "forget my last point" is about the conversation's text, not about memory.
_NOT_A_SUBJECT: Final = re.compile(
    r"^(?:my|our) (?:last|previous|first|earlier) |^(?:my|our) (?:question|request|manners|idea|suggestion)s?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a message asks of memory."""

    not_stored: bool = False
    """The exchange must not be stored."""
    previous: bool = False
    """The exchange before it in the conversation must be forgotten."""
    subject: str | None = None
    """What must be forgotten, in the person's words: "my landlord's number"."""
    everything: bool = False
    """Everything about the subject, not only one statement."""
    erase: bool = False
    """All that memory has about the person must be erased, once they have confirmed it."""
    rest: str = ""
    """The message without the sentence that asks to forget; "": nothing else is said."""


def wish_of(message: str) -> Wish | None:
    """What `message` asks of memory; None: nothing. Of several things to forget, the first."""
    quoted = _QUOTES.sub(lambda match: " … " if any(match.groups()) else match[0], message)
    if quoted != message and not any(_is_wish(sentence) for sentence in sentences_of(quoted)):
        return None
    sentences = [sentence.strip() for sentence in sentences_of(message) if sentence.strip()]
    alone = len(sentences) == 1
    for sentence in sentences:
        if _asks_not_to_store(sentence):
            # Said alone it is about what was said before.
            return Wish(not_stored=True, previous=alone and _ALONE.match(sentence) is not None)
    if any(map(asks_to_erase, sentences)):
        return Wish(erase=True)
    for number, sentence in enumerate(sentences):
        if _PREVIOUS.match(sentence):
            rest = _without(sentences, number)
            return Wish(not_stored=not rest, previous=True, rest=rest)
        found = _FORGET.match(sentence) or _REMOVE.match(sentence)
        if found is not None:
            subjects = ("about", "told", "fact", "mine", "topic")
            subject = next(filter(None, map(found.groupdict().get, subjects)))
            if not _NOT_A_SUBJECT.match(subject):
                rest, everything = _without(sentences, number), found["all"] is not None
                return Wish(not_stored=not rest, subject=subject.strip(), everything=everything, rest=rest)
    return None


def _without(sentences: Sequence[str], number: int) -> str:
    return " ".join(one for at, one in enumerate(sentences) if at != number)


def _asks_not_to_store(sentence: str) -> bool:
    return any((_ALONE.match(sentence), _BEFORE.match(sentence), _AFTER.search(sentence)))


def _is_wish(sentence: str) -> bool:
    stripped = sentence.strip()
    asks = _asks_not_to_store(stripped) or asks_to_erase(stripped)
    return asks or any(pattern.match(stripped) for pattern in (_PREVIOUS, _FORGET, _REMOVE))
