"""Separates the tool calls that a model writes as text from the text to show, while the text arrives."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from agents.written_calls.head import Verdict, judge
from agents.written_calls.values import Call, Nesting, broken_call, calls_in, is_json, may_become_call

_TRIGGER: Final = re.compile(r"[{\[<`]")
_MARKERS: Final = {
    "<tool_call>": "hermes",
    "<|tool_call|>": "hermes",
    "<function_call>": "hermes",
    "<|python_tag|>": "llama",
    "[TOOL_CALLS]": "mistral",
}
_FENCE: Final = re.compile(r"```[ \t]*[\w+-]{0,20}[ \t]*\n?\s{0,100}")
_PARTIAL_FENCE: Final = re.compile(r"`{1,2}|```[ \t]*[\w+-]{0,20}[ \t]*\n?\s{0,100}")
_MISTRAL_NAME: Final = re.compile(r"\s*(\w{1,64})\s*(?:\[ARGS\]\s*)?")
_MISTRAL_PARTIAL: Final = re.compile(r"\s*(\w{0,64})\s*(?:\[(?:A(?:R(?:G(?:S\]?)?)?)?)?)?\s*")
# Before a value inside a block: a member's value, or the first element of a member's list. At most 63 characters.
_INSIDE: Final = re.compile(r'"\s{0,20}:\s{0,20}\[?\s{0,20}$|\{\s{0,20}$')
_RECENT: Final = 64
"""Pieces of text before a possible call that are kept: at least as many characters as `_INSIDE` looks at."""
_BEGUN: Final = re.compile(r"""<|\[TOOL_CALLS\]|(?:```\w*\s*)?[\[{\s]*"(?:name|type|function|tool_calls)"\s*:\s*"?\w""")
_CUT_NAME: Final = re.compile(r'"(?:name|tool|tool_name|function)"\s{0,20}:\s{0,20}"(\w+)\Z')
_MAX_NAME_TAIL: Final = 128
_MAX_GAP: Final = 200
"""Characters of white space between a mark such as `<tool_call>` and its value."""
_PIECE: Final = 512
_MAX_VALUE: Final = 262_144
"""Characters of a value that are held at most; a longer value is not examined further."""


class WrittenCalls:
    """`feed` the text of one reply in order, then `close` once. Both return the text that can be shown.

    Only calls of the tools in `names` count; text that only looks like a call is returned unchanged. Once a call was
    found, no further text is returned: the model wrote it without knowing the call's result. A call whose JSON also
    occurs in `quoted`, the texts that the model was given, is an echo and no call.
    """

    def __init__(self, names: Collection[str], quoted: Sequence[str] = ()) -> None:
        self._names = frozenset(names)
        self._quoted = quoted
        self._recent: deque[str] = deque(maxlen=_RECENT)  # the last pieces before the held text, none of them empty
        self._held = ""  # text that may be the beginning of a call
        self._head = ""  # what stands before the JSON value of a possible call
        self._value: list[str] | None = None  # the pieces of that value
        self._size = 0  # the length of these pieces
        self._form = "json"
        self._nesting = Nesting()
        self.calls: list[Call] = []
        """The calls, in order: the tool's name, and its arguments as JSON text."""
        self.cut = False
        """The last call is incomplete. Known after `close`."""
        self.forms: dict[str, int] = {}
        """The number of calls by form."""

    def feed(self, text: str) -> str:
        """The text that can be shown now."""
        # Most tokens are text without any of the characters with which a call can begin.
        if not (self._held or self._value is not None or "{" in text or "[" in text or "<" in text or "`" in text):
            if text:
                self._recent.append(text)
            return "" if self.calls else text
        return self._scan(text, last=False)

    def close(self) -> str:
        """The rest of the text to show. A call that has begun counts, also if it is not whole."""
        return self._scan("", last=True)

    def _scan(self, text: str, *, last: bool) -> str:
        shown: list[str] = []
        pieces = _pieces(text)
        while True:
            if self._value is not None:
                if not pieces and not last:
                    break
                whole = self._collect(pieces)
                if whole is None and self._size <= _MAX_VALUE:
                    if pieces:
                        continue
                    if not last:
                        break
                self._show(shown, self._finish(pieces, whole=whole is not None))
                continue
            if not self._held:
                if not pieces:
                    break
                self._held = pieces.popleft()
            trigger = _TRIGGER.search(self._held)
            at = len(self._held) if trigger is None else trigger.start()
            self._show(shown, self._held[:at])
            self._held = self._held[at:]
            if not self._held:
                continue
            verdict, value_at = self._candidate(last=last and not pieces)
            if verdict is Verdict.MORE and pieces:
                self._held += pieces.popleft()
            elif verdict is Verdict.MORE and not last:
                break
            elif verdict is Verdict.MORE and (_BEGUN.match(self._held) or self._ends_in_name(self._held)):
                self._held = ""  # The reply ends before the call names its tool.
            elif verdict in (Verdict.MORE, Verdict.NO):
                self._show(shown, self._held[0])
                self._held = self._held[1:]
            else:
                pieces.appendleft(self._held[value_at:])
                self._head, self._held = self._held[:value_at], ""
                self._value, self._size, self._nesting = [], 0, Nesting()
        return "".join(shown)

    def _show(self, shown: list[str], text: str) -> None:
        if text:
            self._recent.append(text)
        if not self.calls:
            shown.append(text)

    def _collect(self, pieces: deque[str]) -> bool | None:
        """Add the next piece to the value; True if the value is whole, else None. The rest stays in `pieces`."""
        if not pieces or self._value is None:
            return None
        piece = pieces.popleft()
        end = self._nesting.feed(piece)
        if end is None:
            self._value.append(piece)
            self._size += len(piece)
            return None
        self._value.append(piece[:end])
        if piece[end:]:
            pieces.appendleft(piece[end:])
        return True

    def _finish(self, pieces: deque[str], *, whole: bool) -> str:
        """Take the value as calls. If it is none, returns text to show; a whole value is searched for calls again."""
        source, self._value = "".join(self._value or ()), None
        named = _MISTRAL_NAME.fullmatch(self._head.removeprefix("[TOOL_CALLS]")) if self._form == "mistral" else None
        calls = self._calls_of(source, named[1] if named is not None else None, whole=whole)
        if calls is None or self._is_echo(source):
            self.cut = False
            text = self._head + source
            if not whole:
                return "" if self._ends_in_name(source) else text
            pieces.extendleft(reversed(_pieces(text[1:])))
            return text[0]
        self.calls += calls
        self.forms[self._form] = self.forms.get(self._form, 0) + len(calls)
        return ""

    def _ends_in_name(self, source: str) -> bool:
        """Whether the text of a possible call ends within the name of an offered tool."""
        cut = _CUT_NAME.search(source[-_MAX_NAME_TAIL:])
        return cut is not None and any(name.startswith(cut[1]) for name in self._names)

    def _candidate(self, *, last: bool) -> tuple[Verdict, int]:
        """Judge the held text, which begins with a trigger, and where its JSON value begins."""
        at, verdict = self._value_start(last=last)
        if verdict is not None:
            return verdict, 0
        self._form = self._form_of(at)
        if at == 0 and _INSIDE.search("".join(self._recent)[-_RECENT:]):
            return Verdict.NO, 0
        if self._form == "mistral" and _MISTRAL_NAME.fullmatch(self._held[:at].removeprefix("[TOOL_CALLS]")):
            return Verdict.CALL, at
        return judge(self._held, at, self._names), at

    def _form_of(self, at: int) -> str:
        for marker, form in _MARKERS.items():
            if self._held.startswith(marker):
                return form
        return "fence" if at and self._held[0] == "`" else "json"

    def _value_start(self, *, last: bool) -> tuple[int, Verdict | None]:
        """Where the JSON value begins in the held text, or a verdict if there is none yet or at all."""
        held = self._held
        for marker in _MARKERS:
            if held.startswith(marker):
                at = len(marker) + len(held[len(marker) :]) - len(held[len(marker) :].lstrip())
                if marker == "[TOOL_CALLS]":
                    return self._after_mistral(len(marker))
                return self._at_value(at)
            if marker.startswith(held) and not last:
                return 0, Verdict.MORE
        if held[0] == "`":
            fence = _FENCE.match(held)
            if fence is None or fence.end() == len(held):
                return 0, Verdict.MORE if _PARTIAL_FENCE.fullmatch(held) else Verdict.NO
            inner = WrittenCalls(self._names)
            inner._held = held[fence.end() :]
            at, verdict = inner._value_start(last=last) if held[fence.end()] in "{[<" else (0, Verdict.NO)
            return fence.end() + at, verdict
        if held[0] in "{[":
            return 0, None
        return 0, Verdict.NO

    def _after_mistral(self, at: int) -> tuple[int, Verdict | None]:
        held = self._held
        rest = held[at:].lstrip()
        if rest[:1] in ("[", "{"):
            return len(held) - len(rest), None
        named = _MISTRAL_NAME.match(held, at)
        if named is not None and held[named.end() : named.end() + 1] == "{":
            return (named.end(), None) if named[1] in self._names else (0, Verdict.NO)
        partial = _MISTRAL_PARTIAL.fullmatch(held, at)
        if partial is not None and any(name.startswith(partial[1]) for name in self._names):
            return 0, Verdict.MORE
        return 0, Verdict.NO

    def _at_value(self, at: int) -> tuple[int, Verdict | None]:
        if at == len(self._held):
            return 0, Verdict.MORE if at < _MAX_GAP else Verdict.NO
        return (at, None) if self._held[at] in "{[" else (0, Verdict.NO)

    def _calls_of(self, source: str, name: str | None, *, whole: bool) -> list[Call] | None:
        if name is not None:
            self.cut = not whole
            return [(name, source)]
        if whole:
            return calls_in(source, self._names)
        # The closers are all that small models leave out at the end of a reply.
        closed = source + "".join(reversed(self._nesting.open))
        if not self._nesting.in_string and (calls := calls_in(closed, self._names)) and is_json(closed):
            return calls
        calls = broken_call(source, self._names) if may_become_call(closed) else None
        self.cut = calls is not None
        return calls

    def _is_echo(self, source: str) -> bool:
        escaped = json.dumps(source, ensure_ascii=False)[1:-1]
        return any(source in text or escaped in text for text in self._quoted)


def _pieces(text: str) -> deque[str]:
    """`text` in short pieces, so that searching it again copies little."""
    return deque(text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
