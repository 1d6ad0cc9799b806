"""The probe of a model's server: five small calls that show what it obeys, whatever its API promises.

The texts are fixed and hold nothing of a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from agents.model import Model, Reply, read_reply
from agents.shapes import Shape
from streaming.chat import ChatRequest, FinishReason, Message, ToolSpec, Usage
from streaming.model import ModelError

_TOKENS: Final = 64
_SMALL: Final = 4.0  # billions of parameters
_SIZE: Final = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s?b(?![a-z0-9])", re.IGNORECASE)
_WORDS: Final = ("red", "green", "blue")
_TOOLS: Final = (
    ToolSpec(
        "look_up",
        "Look up a colour.",
        {"type": "object", "properties": {"colour": {"type": "string", "enum": list(_WORDS)}}, "required": ["colour"]},
    ),
    ToolSpec("answer", "No colour has to be looked up.", {"type": "object", "properties": {}}),
)
_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": list(_WORDS)}},
    "required": ["colour"],
    "additionalProperties": False,
}
_SYSTEM: Final = (
    "You help with colours. The colours are red, green and blue. Red is the colour of a ripe tomato, of a fire engine "
    "and of a stop sign. Green is the colour of grass, of a leaf in spring and of a traffic light that lets you go. "
    "Blue is the colour of the sky at noon, of the sea far from land and of a sapphire. Answer in plain words and "
    "without haste."
)


@dataclass(frozen=True, slots=True)
class Obedience:
    """What a server does. None: the calls did not show it.

    `required`: it obeys the tool choice `required`. `none`: it obeys `none`. `tools_beside_schema`: a model can call
    tools although the request has a schema. `schema`: it holds the text to a schema. `cached`: it reports cached
    tokens. `reuses`: the second of two equal calls read most of its prompt from the cache.
    """

    required: bool | None = None
    none: bool | None = None
    tools_beside_schema: bool | None = None
    schema: bool | None = None
    cached: bool | None = None
    reuses: bool | None = None

    def __str__(self) -> str:
        words = {True: "yes", False: "no", None: "unknown"}
        return ", ".join(f"{field.name} {words[getattr(self, field.name)]}" for field in fields(self))


async def probe(model: Model, usage: Usage, quiet: Callable[[], Awaitable[None]] | None = None) -> Obedience:
    """Make the five calls, one after another. Raises `ModelError` unless the server refused a field of the request.

    A server that refuses tools or a schema does not obey them. `quiet` is awaited before each call, except between the
    two equal ones.
    """

    async def ask(words: str, **fields: Any) -> Reply | None:
        if quiet is not None:
            await quiet()
        return await _ask(model, usage, words, **fields)

    required = await ask("Good morning.", tools=_TOOLS, tool_choice="required")
    none = await ask("Call the tool look_up for green now.", tools=_TOOLS, tool_choice="none", keep_tools=True)
    beside = await ask("Call the tool look_up for blue now. Write nothing.", tools=_TOOLS, response_schema=_SCHEMA)
    alone = await ask("Write a sentence about the weather.", response_schema=_SCHEMA)
    again = await _ask(model, usage, "Write a sentence about the weather.", response_schema=_SCHEMA)
    cached = again.cached_tokens if again is not None else None
    return Obedience(
        required=_seen(required, _has_call),
        none=_seen(none, lambda reply: not reply.tool_calls()),
        tools_beside_schema=_seen(beside, _has_call),
        schema=_both(_seen(alone, _is_held), _seen(again, _is_held)),
        cached=None if again is None else cached is not None,
        reuses=None if again is None or cached is None else cached * 2 >= again.input_tokens > 0,
    )


async def _ask(model: Model, usage: Usage, words: str, **fields: Any) -> Reply | None:
    """The reply; None if the server refused the request."""
    request = ChatRequest(
        (Message("system", _SYSTEM), Message("user", words)),
        max_tokens=_TOKENS,
        temperature=0.0,
        thinking=False,
        exact=True,
        **fields,
    )
    try:
        return await read_reply(model, request, usage)
    except ModelError as error:
        if error.status is None:
            raise
        return None


def _seen(reply: Reply | None, obeys: Callable[[Reply], bool]) -> bool | None:
    """Whether the reply obeys. None if the model used up the small limit with reasoning, which shows nothing."""
    if reply is None:
        return False
    obeyed = obeys(reply)
    return None if not obeyed and reply.reasoned and reply.finish is FinishReason.LENGTH else obeyed


def _both(one: bool | None, other: bool | None) -> bool | None:
    return None if one is None or other is None else one and other


def _has_call(reply: Reply) -> bool:
    names = {tool.name for tool in _TOOLS}
    return any(call.name in names for call in reply.tool_calls())


def _is_held(reply: Reply) -> bool:
    try:
        value = json.loads(reply.text)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("colour") in _WORDS


def is_small(name: str) -> bool:
    """Whether the model's name says that it has fewer than four billion parameters."""
    sizes = [float(size) for size in _SIZE.findall(re.sub(r"[-_/:]", " ", name))]
    return bool(sizes) and max(sizes) < _SMALL


def shape_of(obedience: Obedience, *, small: bool, guess: Shape) -> Shape:
    """The shape for a server that behaves like this; `guess` if the probe did not show enough."""
    if small and obedience.schema:
        return "schema"
    if obedience.tools_beside_schema and obedience.schema:
        return "hosted"
    if obedience.required is None:
        return guess
    if obedience.required:
        return "native"
    return "schema" if obedience.schema else "hosted"
