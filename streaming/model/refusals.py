"""Fields that a model's server refuses with an HTTP error, and the request without them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final, Literal

from streaming.chat import ChatRequest, Message
from streaming.dialects import with_replies

Field = Literal["strict", "schema", "required", "user_after_tool"]
"""`strict`: arguments held to their schemas. `schema`: a schema next to tools. `required`: this tool choice.

`user_after_tool`: a message of the user directly after the result of a tool, which Mistral's tokenizer refuses.
"""

_FIELDS: Final[tuple[Field, ...]] = ("required", "strict", "schema", "user_after_tool")  # the commonest refusal first


class Refusals:
    """What one model's server is known to refuse or to take. `strict` and `schema` depend on the tools and the schema.

    Providers compile these into one grammar, and refuse one that is too large. Some models refuse to be forced to call.
    """

    def __init__(self) -> None:
        self._refused: set[tuple[Field, str]] = set()
        self._taken: set[tuple[Field, str]] = set()

    def __repr__(self) -> str:
        return f"<Refusals: {', '.join(sorted({field for field, _ in self._refused})) or 'none'}>"

    def refuses(self, field: Field) -> bool:
        """Whether the server has refused `field` in some request."""
        return any(name == field for name, _ in self._refused)

    def fitted(self, request: ChatRequest) -> ChatRequest:
        """`request` without what the server refuses."""
        return _without(request, [field for field in _FIELDS if _key(field, request) in self._refused])

    def simpler(self, request: ChatRequest) -> Iterator[tuple[list[Field], ChatRequest]]:
        """The request without each field that may be at fault, then without all of them."""
        used = [field for field in _used(request) if _key(field, request) not in self._taken]
        for field in used:
            yield [field], _without(request, [field])
        if len(used) > 1:
            yield used, _without(request, used)

    def took(self, request: ChatRequest) -> None:
        """The server accepted `request`. What it takes once is not at fault when it refuses another request."""
        self._taken |= {_key(field, request) for field in _used(request) if field != "required"}

    def refused(self, fields: list[Field], request: ChatRequest) -> None:
        """The server accepted `request` only without `fields`."""
        self._refused |= {_key(field, request) for field in fields}


def _key(field: Field, request: ChatRequest) -> tuple[Field, str]:
    depends = field in {"strict", "schema"}
    return field, f"{request.cache_key} {request.response_schema_name}" if depends else ""


def _used(request: ChatRequest) -> list[Field]:
    used: dict[Field, bool] = {
        "strict": request.strict and bool(request.tools),
        "schema": request.response_schema is not None and bool(request.tools),
        "required": request.tool_choice == "required",
        "user_after_tool": any(map(_is_user_after_tool, pairwise(request.messages))),
    }
    return [field for field in _FIELDS if used[field]]


def _is_user_after_tool(pair: tuple[Message, Message]) -> bool:
    return (pair[0].role, pair[1].role) == ("tool", "user")


def _without(request: ChatRequest, fields: list[Field]) -> ChatRequest:
    if "strict" in fields:
        request = replace(request, strict=False)
    if "schema" in fields:
        request = replace(request, response_schema=None)
    if "required" in fields and request.tool_choice == "required":
        request = replace(request, tool_choice="auto")
    if "user_after_tool" in fields:
        request = replace(request, messages=with_replies(request.messages))
    return request
