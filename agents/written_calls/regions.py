"""Parts of a reply that may be calls. Each finds its end while the text arrives, and then reads the calls in it."""

from __future__ import annotations

import re
from typing import Final, Protocol

from agents.written_calls.json_text import is_json, whole_arguments
from agents.written_calls.markup import markup_calls, without_markup
from agents.written_calls.names import ToolNames
from agents.written_calls.python_calls import PythonEnd, begun_call, only_calls, python_calls
from agents.written_calls.values import Call, Nesting, broken_call, calls_in, may_become_call

Read = tuple[list[Call], bool]
"""The calls, and whether the last one is cut."""

_FENCE_END: Final = "```"
_SPACES: Final = re.compile(r"[ \t]*")


class Region(Protocol):
    """A part of the text. `feed` its pieces until one ends it, then `read` its source once.

    `form` is the form of its calls, for the metrics. `ending` is shown in its place, so that the JSON before it is
    whole. `after` is the text in the region that stands after its calls, known after `read`.
    """

    form: str
    ending: str
    after: str

    def feed(self, piece: str) -> int | None:
        """Where in `piece` the region ends; None if it goes on."""
        ...

    def read(self, source: str, *, whole: bool) -> Read | None:
        """The calls in it; None if it is not a call. Without `whole` the reply ended in it."""
        ...


class JsonRegion:
    """A JSON value. `name` is the tool's name if it stands before the value, which is then the arguments.

    `listed`: the value is an item of a list.
    """

    ending = ""
    after = ""

    def __init__(
        self, names: ToolNames, form: str, name: str | None, *, single_quotes: bool = False, listed: bool = False
    ) -> None:
        self.form = form
        self._names = names
        self._name = name
        self._listed = listed
        self._nesting = Nesting(single_quotes=single_quotes)

    def feed(self, piece: str) -> int | None:
        return self._nesting.feed(piece)

    def read(self, source: str, *, whole: bool) -> Read | None:
        if self._name is not None:
            return [(self._name, whole_arguments(source) if whole else source)], not whole
        if whole:
            calls = calls_in(source, self._names, listed=self._listed)
            return None if calls is None else (calls, False)
        # The closers are all that small models leave out at the end of a reply.
        closed = source + "".join(reversed(self._nesting.open))
        if (
            not self._nesting.in_string
            and (calls := calls_in(closed, self._names, listed=self._listed))
            and is_json(closed)
        ):
            return calls, False
        calls = broken_call(source, self._names) if may_become_call(closed, self._names) else None
        return None if calls is None else (calls, True)


class MarkupRegion:
    """Tags or special tokens. It lasts until the end of the reply, because nothing after a call is shown."""

    ending = ""
    after = ""

    def __init__(self, names: ToolNames) -> None:
        self.form = "tags"
        self._names = names

    def feed(self, piece: str) -> int | None:
        del piece
        return None

    def read(self, source: str, *, whole: bool) -> Read | None:
        del whole
        calls, cut = markup_calls(source, self._names)
        self.after = without_markup(source)
        return (calls, cut) if calls else None


class PythonRegion:
    """A call or a list of calls in Python, alone on its line. With anything after it, it is prose."""

    ending = ""
    after = ""

    def __init__(self, names: ToolNames, *, alone: bool = True) -> None:
        """`alone`: nothing else may stand on its line."""
        self.form = "python"
        self._names = names
        self._alone = alone
        self._end = PythonEnd()
        self._closed = False
        self._prose = False
        self._more = False  # a semicolon came
        self._size = 0  # of the pieces before
        self._first = 0  # where the first call ends

    def feed(self, piece: str) -> int | None:
        end = self._read(piece)
        self._size += len(piece)
        return end

    def _read(self, piece: str) -> int | None:
        at = 0
        while True:
            if not self._closed:
                end = self._end.feed(piece[at:])
                if end is None:
                    return None
                self._closed = True
                at += end
                self._first = self._first or self._size + at
            spaces = _SPACES.match(piece, at)
            at = spaces.end() if spaces else at
            if at == len(piece):
                return None
            if piece[at] != ";":
                self._prose = self._alone and not self._more and piece[at] not in "\n\r`<"
                return at
            # Another call may follow.
            self._closed, self._end = False, PythonEnd()
            self._more = True
            at += 1

    def read(self, source: str, *, whole: bool) -> Read | None:
        if self._prose:
            return None
        calls = python_calls(source, self._names) or python_calls(source[: self._first], self._names)
        if calls:
            return calls, False
        begun = begun_call(source, self._names)
        return None if begun is None else ([begun], not (whole or self._closed))


class FenceRegion:
    """The inside of a code fence with Python. In a fence that is not for tools, every statement must be a call."""

    ending = ""
    after = ""

    def __init__(self, names: ToolNames, *, for_tools: bool) -> None:
        self.form = "python"
        self._names = names
        self._for_tools = for_tools
        self._tail = ""

    def feed(self, piece: str) -> int | None:
        text, shift = self._tail + piece, len(self._tail)
        at = text.find(_FENCE_END)
        if at >= 0:
            return at + len(_FENCE_END) - shift
        self._tail = text[-2:]
        return None

    def read(self, source: str, *, whole: bool) -> Read | None:
        code = source.removesuffix(_FENCE_END)
        calls = python_calls(code, self._names)
        if calls and (self._for_tools or only_calls(code, self._names)):
            return calls, False
        begun = begun_call(code, self._names) if self._for_tools or not whole else None
        if begun is not None:
            return [begun], not whole
        return ([], True) if self._for_tools and not whole else None  # the reply ends before a tool's name does
