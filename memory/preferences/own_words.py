"""The sentences of a message in which a person speaks for themselves.

Not in them: quoted and pasted text, code, text that is dictated for a note or a letter, text to translate, conditions
and inventions, jokes, and exceptions for one answer. A missed preference is better than a wrong one, because
preferences go into every prompt.
"""

from __future__ import annotations

import re
from typing import Final

from memory.text import sentences_of

_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_QUOTES: Final = re.compile(r"[\"“”„«»‹›]|「|」|『|』|(?:(?<=\s)|^)['‘][^'’‘]{3,}['’](?=\W|$)")
# White space before these stays within a line: a run of empty lines would be read once for each of them.
_QUOTED_LINE: Final = re.compile(r"^[^\S\n]*>", re.MULTILINE)
_LETTER: Final = re.compile(
    r"^[^\S\n]*(?:from|to|subject|cc|date|von|an|betreff|de|objet|para|asunto|差出人|件名)\s*[:：]"
    r"|^[^\S\n]*(?:dear|hi|hello|hallo|liebe[rs]?|sehr geehrte\w*|bonjour|ch[eè]re?s?|hola"
    r"|estimad[oa]s?) [^\n,]{1,30},\s*$"
    r"|^[^\S\n]*(?:best|kind|warm)? ?(?:regards|wishes),?\s*$|^[^\S\n]*(?:cheers|sincerely),\s*$"
    r"|^[^\S\n]*(?:mit freundlichen|viele|liebe) gr[üu](?:ß|ss)en?|^[^\S\n]*cordialement"
    r"|^[^\S\n]*(?:atentamente|saludos),?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
# The text after a colon is somebody else's, unless the words before it only draw attention to it.
_COLON: Final = re.compile(r"[:：](?!//|\d)")
_MINE_AFTER: Final = re.compile(
    r"^(?:.*\b)?(?:remember|pronouns|by the way|btw|fyi|just so you know|heads up|for the record|about me"
    r"|correction|p\.?s\.?|please|merk dir"
    r"|[üu]brigens|au fait|retiens|recuerda|por cierto|ちなみに|覚えておいて(?:ください)?)\s*$",
    re.IGNORECASE,
)
_INVENTED: Final = re.compile(
    r"^\W*(?:and |but |und |et |y )?(?:if|suppose|supposing|imagine|pretend|assume|assuming|let['’]?s (?:say|pretend)"
    r"|say (?=i )|what if|when i (?:say|write)|wenn|falls|angenommen|stell dir vor|nehmen wir an|tu so|si"
    r"|imagine[sz]?"
    r"|suppos\w+|admettons|imagina|supongamos|finge|もし|仮に)\b|^\W*(?:もし|仮に)",
    re.IGNORECASE,
)
_JOKE: Final = re.compile(
    r"\b(?:lol|lmao|rofl|(?:ha){2,}h?|(?:he){2,}|(?:ja){2,}|mdr|ptdr|just kidding|as a joke|only kidding"
    r"|kidding|joking|jk|/s"
    r"|(?:nur|bloß) spa(?:ß|ss)|scherz|je plaisante|je rigole|es broma|bromeo)\b|[（(]?笑[）)]?|冗談|😂|🤣|;-?\)|😉",
    re.IGNORECASE,
)
_ONCE: Final = re.compile(
    r"\b(?:this time|(?:just |only )?(?:this|for) once|for this|for now|in this|for (?:a|one|two"
    r"|three) (?:days?|weeks?)|diesmal|nur heute|dieses mal"
    r"|cette fois|pour cette|esta vez|por esta)\b|今回",
    re.IGNORECASE,
)
# "3. Mai" is not the end of a sentence. A character of the private use area replaces the full stop.
_ORDINAL: Final = re.compile(r"(?<=\d)\. (?=jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez)", re.IGNORECASE)
_END: Final = re.compile(r"(?<=[。！？])")


def own_sentences(message: str) -> list[str]:
    """The sentences that the person says about themselves or to the assistant, questions included, in their order."""
    text = _ORDINAL.sub("\ue000", _CODE.sub(" … ", message))
    if _LETTER.search(text) or _QUOTED_LINE.search(text) or _JOKE.search(text):
        return []
    found = []
    for sentence in (part for whole in sentences_of(text) for part in _END.split(whole)):
        said = sentence.strip()
        colon = _COLON.search(said)
        if colon is not None:
            before, after = said[: colon.start()], said[colon.end() :].strip()
            if not _MINE_AFTER.match(before):
                # The rest of the message may be the text that was announced.
                break
            said = f"{before}: {after}"
        if said and not (_QUOTES.search(said) or _INVENTED.match(said) or _ONCE.search(said)):
            found.append(said)
    return found
