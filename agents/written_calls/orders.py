"""Decides whether a call that a model wrote as text is an order, or a sample, a quotation or an echo."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from agents.written_calls.values import Call

MAX_LEAD_IN: Final = 300
"""Characters before a written call of a tool that changes items. Models announce a call in a sentence."""

_SAMPLE: Final = re.compile(
    r"\b(?:examples?|sample|for instance|e\.g\.|such as|would|could|might|looks? like|how (?:a|an|the|to|you|it)|says?|"
    r"said|wrote|written|writes?|contains?|quoted?|reads|means|syntax|not|never|don't|won't|"
    r"beispiel\w*|zum beispiel|z\. ?b\.|würde\w*|könnte\w*|steht|lautet|sagt|nicht|kein\w*|"
    r"exemple\w*|pourrait|serait|dit|contient|pas|ejemplos?|podría\w*|sería|dice|contiene|no)\b",
    re.IGNORECASE,
)
_MARKS: Final = re.compile(r"</?[|｜]?[\w▁|｜ ]{1,60}[|｜]?>|\[/?TOOL_CALLS\]|```\w*")
_BLOCK: Final = re.compile(r'"(?:type|content|text)"\s*:\s*|"text"\s*,')
_WORD: Final = re.compile(r"\w")
_TOKENS: Final = re.compile(r"\w+")
_TAGS: Final = re.compile(r"</[\w|｜▁]+>|</?arg_\w+>")
_UNICODE: Final = re.compile(r"\\+u([0-9a-fA-F]{4})")
_ESCAPED_SPACE: Final = re.compile(r"\\+[nrt]")
_SEPARATOR: Final = re.compile(r"[-_ ]")
_NEAR: Final = 300
"""Characters between a tool's name and its arguments, not counting the arguments, in a text that has a call."""
_MAX_PLACES: Final = 100


def is_order(
    before: str, after: str, source: str, calls: Sequence[Call], changing: Collection[str], quoted: Sequence[str]
) -> bool:
    """Whether the `calls` that a reply contains are to be run.

    `before` and `after` are the reply's text around them, `source` is their text. `changing` names the tools that
    change items: for these calls the rules are stricter. `quoted` are the texts that the model was given.
    """
    changes = any(name in changing for name, _ in calls)
    if changes and (len(before) > MAX_LEAD_IN or goes_on(after)):
        return False
    if len(before) <= MAX_LEAD_IN and _SAMPLE.search(_MARKS.sub(" ", _BLOCK.sub(" ", before))):
        return False
    said, texts = folded(source), [folded(text) for text in quoted]
    return not any(is_echo(call, said, texts) for call in calls)


class Withheld:
    """The text of a reply from its first call on. It is shown only if the calls turn out to be no order."""

    def __init__(self, changing: Collection[str], quoted: Sequence[str]) -> None:
        self._changing = changing
        self._quoted = quoted
        self._before = ""
        self.has_lead_in = False
        """`add_before` needs no more text."""
        self._text: list[str] = []
        self._called: list[str] = []
        self._after: list[str] = []
        self.ending = ""
        """Closes the JSON around the first call, if the calls are an order."""

    @property
    def text(self) -> str:
        """The text of the calls and all that came after the first of them."""
        return "".join(self._text)

    def add_before(self, text: str) -> None:
        """Text before the first call. Only its first characters are kept."""
        if not self.has_lead_in:
            self._before += text[: MAX_LEAD_IN + 1]
            self.has_lead_in = len(self._before) > MAX_LEAD_IN

    def add_call(self, head: str, source: str, after: str) -> None:
        """A call with the mark before it and the text in `source` after it."""
        self._text.append(head + source)
        self._called.append(source)
        self._after.append(after)

    def add_after(self, text: str) -> None:
        """Text after a call."""
        self._text.append(text)
        self._after.append(text)

    def has_order(self, calls: Sequence[Call]) -> bool:
        """Whether the `calls` are to be run; see `is_order`."""
        after, source = "".join(self._after), "".join(self._called)
        return is_order(self._before, after, source, calls, self._changing, self._quoted)


def goes_on(after: str) -> bool:
    """Whether the text after a call says something: it has words, and not only marks, fences and closers."""
    return _WORD.search(_MARKS.sub("", after)) is not None


def is_echo(call: Call, source: str, quoted: Sequence[str]) -> bool:
    """Whether a text in `quoted` has this call, in any notation: the tool's name near all of its arguments.

    `source` and `quoted` are `folded`.

    Values are compared and not bytes, so white space, quotes, escapes, the order of the members and the form of the
    call do not matter. A call without arguments is an echo only if its source occurs.
    """
    name, arguments = call
    try:
        wanted = [folded(f"{key} {_text(value)}") for key, value in _leaves("", json.loads(arguments))]
    except (ValueError, RecursionError):
        wanted = []
    named = re.compile(r"\b" + _SEPARATOR.sub("[ _-]?", re.escape(name.casefold()).replace(r"\_", "_")) + r"\b")
    for text in quoted:
        if not wanted:
            if " " in source and source in text:
                return True
            continue
        reach = _NEAR + 2 * sum(map(len, wanted))
        for place, found in enumerate(named.finditer(text)):
            if place == _MAX_PLACES:
                return True  # no order is taken from a text that repeats the name this often
            near = f" {text[max(0, found.start() - reach) : found.end() + reach]} "
            if all(f" {part} " in near for part in wanted):
                return True
    return False


def folded(text: str) -> str:
    """The words of `text` in lower case, with its escapes decoded: what stays of a text in every notation."""
    text = _UNICODE.sub(lambda found: chr(int(found[1], 16)), text)
    text = _ESCAPED_SPACE.sub(" ", text)
    return " ".join(_TOKENS.findall(_TAGS.sub(" ", text).casefold()))


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values in `value` that are neither lists nor objects, each with the key of its member."""
    if isinstance(value, dict):
        for inner_key, inner in value.items():
            yield from _leaves(str(inner_key), inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves("", inner)
    elif value is not None:
        yield key, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
