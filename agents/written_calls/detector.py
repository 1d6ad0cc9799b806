"""Separates the tool calls that a model writes as text from the text to show, while the text arrives."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from agents.written_calls.code_fence import CodeFence
from agents.written_calls.head import Verdict, has_single_quotes, judge
from agents.written_calls.marks import MARKERS, MAX_GAP, MISTRAL_NAME, action_input, label_end, value_start
from agents.written_calls.markup import judge_markup
from agents.written_calls.names import ToolNames
from agents.written_calls.orders import Withheld
from agents.written_calls.python_calls import judge_python
from agents.written_calls.regions import FenceRegion, JsonRegion, MarkupRegion, PythonRegion, Region
from agents.written_calls.string_region import StringRegion, after_opening
from agents.written_calls.values import Call

# A quote counts after a colon, where it may open the text of a text block. Before `\A` the text is in `_recent`.
_TRIGGER: Final = re.compile(r"[{\[<`\n]|(?<=:)\"|(?<=: )\"|\A ?\"")
_FENCE: Final = re.compile(r"```[ \t]*([\w+-]{0,20})[ \t]*\n?\s{0,100}")
_PARTIAL_FENCE: Final = re.compile(r"`{1,2}|```[ \t]*[\w+-]{0,20}[ \t]*\n?\s{0,100}")
_TOOL_FENCES: Final = frozenset(("tool_code", "tool_call", "tool_calls", "tool"))
_CALL_FENCES: Final = _TOOL_FENCES | {"", "json"}
"""The languages of fences in which models write calls. A fence of another language is a sample."""
# Before a value inside a block: a member's value, or the first element of a member's list. At most 63 characters.
_INSIDE: Final = re.compile(r'"\s{0,20}:\s{0,20}\[?\s{0,20}$|\{\s{0,20}$')
_LISTED: Final = re.compile(r"(?:\[|[}\]\"],)\s{0,20}$")
_BEFORE_TEXT: Final = re.compile(
    r'"(?:content|text|value|markdown|body|message|answer|response|reply|output|result)" ?: ?$'
)
_TEXT_BEGINS: Final = "{[<`\\ \t\n"
_LINE_START: Final = re.compile(r"\n[ \t]*$")
_INDENT: Final = re.compile(r"\n?[ \t\r]*")
_RECENT: Final = 64
"""Pieces of text before a possible call that are kept: at least as many characters as `_INSIDE` looks at."""
_BEGUN: Final = re.compile(
    r"""(?:```\w*\s*)?<|\[TOOL_CALLS\]"""
    r"""|(?:```\w*\s*|`|[\w ]+:?\s*)?[\[{\s]*"""
    r"""["']?(?:name|type|tool|tool_name|function|action|recipient_name|tool_calls|tool_uses)["']?\s*:\s*["']?\w"""
)
_CUT_NAME: Final = re.compile(
    r"""(?<!\w)["']?(?:name|tool|tool_name|function|action|recipient_name)["']?\s{0,20}:\s{0,20}["'](\w+)\Z"""
    r"""|[{,]\s{0,20}["'](\w+_\w*)\Z"""
)
_CUT_PYTHON: Final = re.compile(
    r"\s*(?:[\w ]{1,20}:\s*)?(?:```\w*\s+)?(?:[a-z_]{1,40} ?= ?)?(?:print\(\s*)?\[?\s*([\w.]+_\w*)"
    r"(?:[ \t]*\n\s*[Aa][A-Za-z ]*:?\s*)?"
)
_MAX_NAME_TAIL: Final = 128
_PIECE: Final = 512
_MAX_VALUE: Final = 262_144
"""Characters of a value that are held at most; a longer value is not examined further."""

Candidate = tuple[Verdict, int, Region | None]
"""A verdict, where the possible call begins in the held text, and what reads it."""
_MORE: Final = (Verdict.MORE, 0, None)
_NO: Final = (Verdict.NO, 0, None)


class WrittenCalls:
    """`feed` the text of one reply in order, then `close` once. Both return the text that can be shown.

    Only calls of the tools in `names` count; text that only looks like a call is returned unchanged. Once a call was
    found, no further text is returned before `close`. The model wrote it without knowing the call's result, so it is
    dropped; but if the calls are not an order (see `Withheld`), all of it is text to show.
    """

    def __init__(
        self,
        names: Collection[str] | ToolNames,
        quoted: Sequence[str] = (),
        *,
        changing: Collection[str] = (),
        inside: bool = False,
    ) -> None:
        """`quoted`: the texts that the model was given. `changing`: the tools that change items.

        `inside`: the text is that of a text block.
        """
        self._names = names if isinstance(names, ToolNames) else ToolNames(names)
        self._quoted = quoted
        self._changing = changing
        self._inside = inside
        self._withheld = Withheld(changing, quoted)
        self._recent: deque[str] = deque(maxlen=_RECENT)  # the last pieces before the held text, none of them empty
        self._fresh = True  # nothing but white space came so far
        self._quiet = False  # text without a character with which a call can begin only goes on: most tokens
        self._fence = CodeFence()  # of the text that is shown
        self._held = ""  # text that may be the beginning of a call
        self._head = ""  # what stands before the value of a possible call
        self._value: list[str] = []  # the pieces of that value
        self._size = 0  # the length of these pieces
        self._region: Region | None = None  # reads the value, if there is one
        self.calls: list[Call] = []
        """The calls, in order: the tool's name, and its arguments as JSON text."""
        self.cut = False
        """The last call is incomplete. Known after `close`."""
        self.forms: dict[str, int] = {}
        """The number of calls by form."""

    def feed(self, text: str) -> str:
        """The text that can be shown now."""
        # Most tokens are text without any of the characters with which a call can begin.
        if (
            "{" in text
            or "[" in text
            or "<" in text
            or "`" in text
            or "\n" in text
            or ('"' in text and self._may_open_text(text))
        ):
            self._quiet = False
        elif self._quiet and text:
            self._recent.append(text)
            return text
        elif not (self._held or self._region is not None or self._fresh):
            if not text:
                return ""
            self._keep(text)
            self._fence.ticks = 0
            self._quiet = self._withheld.has_lead_in and not self.calls
            return self._shown(text)
        return self._scan(text, last=False)

    def close(self) -> str:
        """The rest of the text to show. A call that has begun counts, also if it is not whole."""
        rest = self._scan("", last=True)
        if not self.calls:
            return rest
        if self._withheld.has_order(self.calls):
            return rest + self._withheld.ending
        self.calls, self.cut, self.forms = [], False, {}
        return rest + self._withheld.text

    def _may_open_text(self, text: str) -> bool:
        """Whether a quote in `text` may open the text of a text block: it comes after a colon."""
        if ':"' in text or ': "' in text:
            return True
        if not text.startswith(('"', ' "')):
            return False
        before = self._recent[-1] if self._recent else ""
        if len(before) == 1 and len(self._recent) > 1:
            before = self._recent[-2] + before
        return before.endswith(":") or (text[0] == '"' and before.endswith(": "))

    def _scan(self, text: str, *, last: bool) -> str:
        shown: list[str] = []
        pieces = _pieces(text)
        while True:
            if self._region is not None:
                if not pieces and not last:
                    break
                whole = self._collect(self._region, pieces)
                if not whole and self._size <= _MAX_VALUE:
                    if pieces:
                        continue
                    if not last:
                        break
                self._finish(self._region, pieces, shown, whole=whole)
                continue
            if not self._held:
                if not pieces:
                    break
                self._held = pieces.popleft()
            trigger = _TRIGGER.search(self._held)
            at = 0 if self._fresh else len(self._held) if trigger is None else trigger.start()
            end = after_opening(self._held, at)
            self._show(shown, self._held[:end])
            self._held = self._held[end:]
            if end > at or not self._held:
                continue
            verdict, value_at, region = self._candidate(last=last and not pieces)
            if verdict is Verdict.MORE and pieces:
                self._held += pieces.popleft()
            elif verdict is Verdict.MORE and not last:
                break
            elif verdict is Verdict.MORE and (_BEGUN.match(self._held) or self._ends_in_name(self._held)):
                self._held = ""  # The reply ends before the call names its tool.
            elif region is None:
                self._show(shown, self._held[0])
                self._held = self._held[1:]
            else:
                pieces.appendleft(self._held[value_at:])
                self._head, self._held = self._held[:value_at], ""
                self._value, self._size, self._region = [], 0, region
        return "".join(shown)

    def _show(self, shown: list[str], text: str) -> None:
        if text:
            self._keep(text)
            self._fresh = self._fresh and text.isspace()
            self._fence.feed(text)
        shown.append(self._shown(text))

    def _keep(self, text: str) -> None:
        self._recent.append(text)
        if not self.calls:
            self._withheld.add_before(text)

    def _shown(self, text: str) -> str:
        if not self.calls:
            return text
        self._withheld.add_after(text)
        return ""

    def _collect(self, region: Region, pieces: deque[str]) -> bool:
        """Add the next piece to the value; whether the value is whole. The rest of the piece stays in `pieces`."""
        if not pieces:
            return False
        piece = pieces.popleft()
        end = region.feed(piece)
        whole = end is not None
        end = len(piece) if end is None else end
        self._value.append(piece[:end])
        self._size += end
        if piece[end:]:
            pieces.appendleft(piece[end:])
        return whole

    def _finish(self, region: Region, pieces: deque[str], shown: list[str], *, whole: bool) -> None:
        """Take the value as calls. If it has none, it is text to show; a whole value is searched for calls again."""
        source = "".join(self._value)
        self._region = None
        read = region.read(source, whole=whole)
        if read is not None:
            calls, self.cut = read
            if not self.calls:
                self._withheld.ending = region.ending
                if not calls:
                    shown.append(region.ending)
            self.calls += calls
            self._withheld.add_call(self._head, source, region.after)
            if calls:
                self.forms[region.form] = self.forms.get(region.form, 0) + len(calls)
            self._fresh = False
            return
        self.cut = False
        text = self._head + source
        if whole:
            pieces.extendleft(reversed(_pieces(text[1:])))
            text = text[:1]
        elif self._ends_in_name(source):
            text = ""
        self._show(shown, text)

    def _ends_in_name(self, source: str) -> bool:
        """Whether the text of a possible call ends within the name of an offered tool."""
        cut = _CUT_NAME.search(source[-_MAX_NAME_TAIL:]) or _CUT_PYTHON.fullmatch(source[:_MAX_NAME_TAIL])
        return cut is not None and self._names.may_begin(cut[cut.lastindex or 1])

    # ---- candidates -------------------------------------------------------------------------------------------------

    def _candidate(self, *, last: bool) -> Candidate:
        """Judge the held text, which begins with a trigger or is the beginning of the reply."""
        held = self._held
        if self._fence.foreign and held[0] != "`":
            return _NO
        match held[0]:
            case '"':
                if self._inside or not _BEFORE_TEXT.search(self._recently()):
                    return _NO
                if held[1:] and not self._may_begin_text(held[1:]):
                    return _NO
                inside = WrittenCalls(self._names, self._quoted, changing=self._changing, inside=True)
                return Verdict.MAYBE, 1, StringRegion(inside)
            case "<":
                verdict = judge_markup(held, self._names, last=last)
                if verdict is Verdict.CALL:
                    return verdict, 0, MarkupRegion(self._names)
                if verdict is Verdict.MORE:
                    return _MORE
            case "`":
                if (
                    not self._fence.open
                    and held[1:2] in ("{", "[")
                    and (inner := self._valued(1, last=last))[0] is not Verdict.NO
                ):
                    return inner  # inline code
                return self._fenced(0, last=last)
            case "{" | "[":
                pass
            case _:
                return self._line(0, last=last)
        return self._valued(0, last=last)

    def _may_begin_text(self, text: str) -> bool:
        """Whether a call may be all of a text that begins like this. Most texts begin with a word."""
        return text[0] in _TEXT_BEGINS or judge_python(text, 0, self._names, last=False) is not Verdict.NO

    def _recently(self) -> str:
        return "".join(self._recent)[-_RECENT:]

    def _starts_line(self) -> bool:
        return not self._fence.open and (self._fresh or _LINE_START.search(self._recently()) is not None)

    def _line(self, at: int, *, last: bool) -> Candidate:
        """A call in Python at the beginning of a line."""
        if self._fence.open or self._held[0] in " \t\r":
            return _NO
        indent = _INDENT.match(self._held, at)
        at = indent.end() if indent else at
        if at == len(self._held):
            return _MORE if at < MAX_GAP and not last and self._held[0] == "\n" else _NO
        if self._held[at] == "[":
            return _NO  # it is a trigger itself
        value_at = label_end(self._held, at)
        if value_at is not None and (labelled := self._labelled(at, value_at, last=last))[0] is not Verdict.NO:
            return labelled
        return self._python(at, at, last=last)

    def _labelled(self, at: int, value_at: int, *, last: bool) -> Candidate:
        """A call after the label that stands at `at` and ends before `value_at`."""
        if value_at in (at, len(self._held)):
            return _MORE if value_at - at < MAX_GAP and not last else _NO
        match self._held[value_at]:
            case "{" | "[":
                return self._valued(value_at, last=last)
            case "`":
                return self._fenced(value_at, last=last)
        name, input_at, verdict = action_input(self._held, at, value_at, self._names)
        if verdict is not Verdict.NO:
            return verdict, input_at, None if name is None else JsonRegion(self._names, "action", name)
        return self._python(value_at, value_at, last=last)

    def _python(self, begin: int, at: int, *, last: bool, alone: bool = True) -> Candidate:
        """A Python expression at `begin`, whose first call is at `at`."""
        verdict = judge_python(self._held, at, self._names, last=last)
        if verdict is Verdict.CALL:
            return verdict, begin, PythonRegion(self._names, alone=alone)
        return verdict, 0, None

    def _valued(self, at: int, *, last: bool) -> Candidate:
        """A JSON value, or a list of calls in Python, perhaps after a mark such as `<tool_call>`."""
        value_at, verdict = value_start(self._held, at, self._names, last=last)
        if verdict is not None:
            return verdict, 0, None
        form = self._form_of(at, value_at)
        if self._held[value_at] == "[" and (form == "python" or at or self._starts_line()):
            listed = self._python(value_at, value_at + 1, last=last, alone=form != "python")
            if listed[2] is not None:
                return listed
            if listed[0] is Verdict.MORE:
                return _MORE
        if value_at == 0 and _INSIDE.search(self._recently()):
            return _NO
        if self._held[value_at] not in "{[":  # a call in Python after a mark
            return Verdict.CALL, value_at, PythonRegion(self._names, alone=False)
        named = (
            MISTRAL_NAME.fullmatch(self._held[:value_at].removeprefix("[TOOL_CALLS]")) if form == "mistral" else None
        )
        if named is not None:
            return Verdict.CALL, value_at, JsonRegion(self._names, form, self._names.find(named[1]))
        verdict = judge(self._held, value_at, self._names)
        known = verdict in (Verdict.CALL, Verdict.MAYBE)
        if not known:
            return verdict, value_at, None
        single = has_single_quotes(self._held, value_at)
        in_list = _LISTED.search(self._recently()) is not None
        return verdict, value_at, JsonRegion(self._names, form, None, single_quotes=single, listed=in_list)

    def _form_of(self, at: int, value_at: int) -> str:
        if self._held.startswith("{", at):
            return "fence" if value_at and at else "json"
        for marker, form in MARKERS.items():
            if self._held.startswith(marker, at):
                return "fence" if at else form
        return "fence" if value_at and at else "json"

    def _fenced(self, at: int, *, last: bool) -> Candidate:
        """Calls in a code fence that begins at `at`."""
        held = self._held
        fence = _FENCE.match(held, at)
        if fence is None or fence.end() == len(held):
            return _MORE if _PARTIAL_FENCE.fullmatch(held, at) else _NO
        at = fence.end()
        if fence[1].lower() not in _CALL_FENCES:
            self._fence.foreign = not self._fence.open
            return _NO
        if held[at] in "{[<":
            if held[at] == "<" and (verdict := judge_markup(held[at:], self._names, last=last)) is not Verdict.NO:
                return verdict, 0, MarkupRegion(self._names) if verdict is Verdict.CALL else None
            inner = self._valued(at, last=last)
            if inner[0] is not Verdict.NO or fence[1].lower() not in _TOOL_FENCES:
                if isinstance(inner[2], PythonRegion):
                    return inner[0], at, FenceRegion(self._names, for_tools=False)
                return inner
        if fence[1].lower() in _TOOL_FENCES:
            return Verdict.MAYBE, at, FenceRegion(self._names, for_tools=True)
        verdict = judge_python(held, at, self._names, last=last)
        return verdict, at, FenceRegion(self._names, for_tools=False) if verdict is Verdict.CALL else None


def _pieces(text: str) -> deque[str]:
    """`text` in short pieces, so that searching it again copies little."""
    return deque(text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
