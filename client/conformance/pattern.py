"""Patterns: parts of JSON values with variables. Pure.

- A string `$name` is a variable. Its first match binds it; later, the value must be the same. `$any` matches anything
  except null.
- null matches null and a missing member.
- An object matches an object that has its members; others are allowed. A list matches a list of the same length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

ANY = "$any"
Variables = MutableMapping[str, Any]


class UnboundError(LookupError):
    """A case uses a variable that has no value."""


def differences(pattern: Any, value: Any, variables: Variables, path: str = "") -> Iterator[str]:
    """Yield a sentence for each difference between `pattern` and `value`. Binds variables."""
    place = path or "the value"
    if isinstance(pattern, str) and pattern.startswith("$"):
        if value is None:
            yield f"{place} is missing"
        elif pattern != ANY and variables.setdefault(pattern, value) != value:
            yield f"{place} is {_short(value)}, not {_short(variables[pattern])} ({pattern})"
    elif isinstance(pattern, Mapping):
        if not isinstance(value, Mapping):
            yield f"{place} is {_short(value)}, not an object"
            return
        for key, part in pattern.items():
            yield from differences(part, value.get(key), variables, f"{path}.{key}" if path else key)
    elif isinstance(pattern, list):
        if not isinstance(value, list) or len(value) != len(pattern):
            yield f"{place} is {_short(value)}, not a list of {len(pattern)}"
            return
        for at, (part, item) in enumerate(zip(pattern, value, strict=True)):
            yield from differences(part, item, variables, f"{path}[{at}]")
    elif isinstance(pattern, bool) != isinstance(value, bool) or pattern != value:
        yield f"{place} is {_short(value)}, not {_short(pattern)}"


def filled(template: Any, variables: Mapping[str, Any]) -> Any:
    """Return `template` with the values of its variables. Raises `UnboundError`."""
    if isinstance(template, str) and template.startswith("$"):
        if template not in variables:
            raise UnboundError(f"the variable {template} has no value")
        return variables[template]
    if isinstance(template, Mapping):
        return {key: filled(part, variables) for key, part in template.items()}
    if isinstance(template, list):
        return [filled(part, variables) for part in template]
    return template


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
