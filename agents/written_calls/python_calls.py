"""Reads tool calls that a model writes as Python: `list_tasks(status="todo")`. Nothing is executed."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any, Final

from agents.written_calls.head import Verdict
from agents.written_calls.json_text import literal
from agents.written_calls.names import ToolNames
from agents.written_calls.values import Call

_MAX_SOURCE: Final = 50_000
_OUTSIDE: Final = re.compile(r"\"\"\"|\'\'\'|[\"\'()\[\]{}]")
_INSIDE: Final = {
    quote: re.compile(rf"\\\\|\n|{quote}" if len(quote) == 1 else rf"\\\\|{quote}")
    for quote in ('"', "'", '"' * 3, "'" * 3)
}
_WORD: Final = re.compile(r"[A-Za-z_][\w.]{0,80}")
_BEGUN: Final = re.compile(r"\s*(?:[a-z_]{1,40}[ \t]*=[ \t]*)?(?:print\(\s*|\[\s*)?([A-Za-z_][\w.]{0,80})\(")
_ASSIGNED: Final = re.compile(r"[ \t]{0,4}(?:=[ \t]{0,4})?")
# Names that models give to results. Text does not begin with other names before `=`, so it is not held for them.
_VARIABLES: Final = (
    *("x", "r", "res", "ret", "result", "results", "response", "out", "output", "data", "answer", "item", "items"),
    *("task", "tasks", "note", "notes", "project", "projects", "created", "updated", "deleted", "completed"),
    *("new_task", "new_note", "new_project", "all_tasks", "my_tasks", "task_list", "updated_task", "completed_task"),
)
_CLOSERS: Final = {"(": ")", "[": "]", "{": "}"}


class PythonEnd:
    """Follows a Python call or list piece by piece and finds its closing bracket. Looks at each character once."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._quote = ""
        self._held = ""  # quotes or a backslash at the end of a piece

    def feed(self, piece: str) -> int | None:
        """Continue with `piece`. Returns where in it the last bracket closes, or None if it goes on."""
        text, shift = self._held + piece, len(self._held)
        self._held = ""
        at = 0
        while True:
            mark = (_INSIDE[self._quote] if self._quote else _OUTSIDE).search(text, at)
            if mark is None:
                self._hold(text, at)
                return None
            at = mark.end()
            found = mark[0]
            if self._quote:
                if found == "\\":
                    if at == len(text):
                        self._held = found
                        return None
                    at += 1
                else:
                    self._quote = ""  # also at the end of a line: the string was not closed
            elif found[0] in "\"'":
                if len(found) == 1 and text[mark.start() :] in (found, found * 2):
                    self._held = text[mark.start() :]  # three quotes perhaps
                    return None
                self._quote = found
            elif found in _CLOSERS:
                self._open.append(_CLOSERS[found])
            else:
                if self._open:
                    self._open.pop()
                if not self._open:
                    return at - shift

    def _hold(self, text: str, at: int) -> None:
        """Keep the quotes at the end that may be a part of the three that close the string."""
        if len(self._quote) == 3:
            quotes = len(text) - len(text.rstrip(self._quote[0]))
            self._held = text[max(at, len(text) - quotes) :]


def python_calls(source: str, names: ToolNames) -> list[Call]:
    """The calls of offered tools in the statements of `source`, in order. Other statements are ignored.

    A call whose arguments are not literals with names has its source as arguments, so that the model reads about it.
    """
    statements = _parsed(source)
    calls: list[Call] = []
    for statement in statements or ():
        value = getattr(statement, "value", None)
        for call in _called(value):
            name = names.find(ast.unparse(call.func))
            if name is not None:
                calls.append((name, _arguments(call)))
    return calls


def begun_call(source: str, names: ToolNames) -> Call | None:
    """The call that `source`, which is not valid Python, begins with. Its arguments are its source."""
    begun = _BEGUN.match(source)
    name = names.find(begun[1]) if begun else None
    return None if name is None or _parsed(source) is not None else (name, source[:_MAX_SOURCE])


def judge_python(text: str, at: int, names: ToolNames, *, last: bool, inside: bool = False) -> Verdict:
    """Whether a call of an offered tool begins at `at`. `inside`: after `print(` or after a variable and `=`."""
    word = _WORD.match(text, at)
    if word is None:
        return Verdict.NO if last or text[at:].strip() else Verdict.MORE
    name, end = word[0], word.end()
    if end == len(text):
        begins = names.may_begin(name) or "print".startswith(name) or _may_be_variable(name)
        return Verdict.MORE if begins else Verdict.NO
    if text[end] != "(":
        return Verdict.NO if inside else _judge_assigned(text, word, names, last=last)
    if name == "print":
        return Verdict.NO if inside else judge_python(text, end + 1, names, last=last, inside=True)
    return Verdict.NO if names.find(name) is None else Verdict.CALL


def _judge_assigned(text: str, word: re.Match[str], names: ToolNames, *, last: bool) -> Verdict:
    """Whether `word` is a variable to which the result of a call is assigned."""
    assigned = _ASSIGNED.match(text, word.end())
    if assigned is None or word[0] not in _VARIABLES:
        return Verdict.NO
    if assigned.end() == len(text):
        return Verdict.NO if last else Verdict.MORE
    if "=" not in assigned[0]:
        return Verdict.NO
    return judge_python(text, assigned.end(), names, last=last, inside=True)


def _may_be_variable(name: str) -> bool:
    return any(variable.startswith(name) for variable in _VARIABLES)


def only_calls(source: str, names: ToolNames) -> bool:
    """Whether every statement of `source` calls offered tools and nothing else."""
    return all(python_calls(ast.unparse(statement), names) for statement in _parsed(source) or ())


def _parsed(source: str) -> list[ast.stmt] | None:
    if len(source) > _MAX_SOURCE:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the model's strings
            return ast.parse(source.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _called(value: Any) -> list[ast.Call]:
    """The calls that an expression consists of: one call, those in a list, or those inside `print`."""
    match value:
        case ast.Await(value=inner):
            return _called(inner)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [call for element in elements for call in _called(element)]
        case ast.Call(func=ast.Name(id="print"), args=arguments):
            return [call for argument in arguments for call in _called(argument)]
        case ast.Call():
            return [value]
    return []


def _arguments(call: ast.Call) -> str:
    try:
        if len(call.args) == 1 and not call.keywords and isinstance(call.args[0], ast.Dict):
            return _json(literal(call.args[0]))
        if not call.args and all(keyword.arg is not None for keyword in call.keywords):
            return _json({keyword.arg: literal(keyword.value) for keyword in call.keywords})
    except (ValueError, TypeError, RecursionError):
        pass
    return ast.unparse(call)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
