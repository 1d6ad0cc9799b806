"""The names of the offered tools, as models spell them: in any letter case, with other separators, with a prefix."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_SEPARATORS: Final = re.compile(r"[-_ ]")
_PREFIXES: Final = ("functions.", "default_api.", "tools.", "api.")
"""Namespaces in which some chat templates put the tools."""
_SUFFIX: Final = re.compile(r"\.c?a?l?l?\Z")
"""`.call` of Llama's built-in tools, perhaps cut: `list_tasks.call(status="todo")`."""
_LONGEST: Final = 80


class ToolNames:
    """Finds the offered tool that a written name means: `List_Tasks`, `listTasks` and `functions.list_tasks`."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = {_folded(name): name for name in names}
        self._exact = frozenset(names)

    def find(self, written: str) -> str | None:
        """The name of the offered tool; None if no tool is meant."""
        if written in self._exact:
            return written
        written = written.removesuffix(".call")
        return self._names.get(_folded(_without_prefix(written))) if len(written) <= _LONGEST else None

    def key(self, written: str) -> str | None:
        """The name of the offered tool that the key of an object names. A key with a space is a heading."""
        return None if " " in written else self.find(written)

    def may_begin(self, written: str) -> bool:
        """Whether more characters could make the name of an offered tool of `written`."""
        if any(prefix.startswith(written) for prefix in _PREFIXES):
            return True
        folded = _folded(_SUFFIX.sub("", _without_prefix(written)))
        return any(name.startswith(folded) for name in self._names)


def _without_prefix(written: str) -> str:
    return next((written[len(prefix) :] for prefix in _PREFIXES if written.startswith(prefix)), written)


def _folded(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()
