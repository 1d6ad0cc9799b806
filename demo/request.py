"""Reads a chat completions request into the parts that the rules use."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from demo.dates import with_days
from demo.suggestions import in_english
from person import WEEKDAYS, Calendar, zone_named

# In the year 5138: dates some decades after it can still be computed.
_MESSAGE_MARK: Final = "\nThe person's message:\n"
_SENT: Final = re.compile(r"\(Sent [^\n]*\.\)\n")
_LATEST_MS: Final = 100_000_000_000_000


class InvalidRequestError(ValueError):
    """The body is not a valid chat completions request. The message names the faulty field."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """One tool call of this turn with its result: either `data`, or `error` as (code, message)."""

    tool: str
    arguments: Mapping[str, Any]
    data: Any
    error: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """`tools` maps the offered tools to their parameter schemas; `results` are those since the person's last message.

    `shown` are the items of the latest list that an earlier answer showed: the entity (or "" if it is not known) and
    the id or the title of each.

    `wants_blocks` is whether the answer is a JSON array of Tessera's blocks; `open_item` is the entity and the data of
    the item that a popup was opened on. `repair` has the types of the blocks that are asked for again, None for a type
    that is not known; `question` is then the message that the answer with these blocks was for. `calendar` is the
    person's; the dates in `results` and `open_item` are its days.
    """

    model: str
    question: str
    earlier: tuple[str, ...]
    tools: Mapping[str, Mapping[str, Any]]
    results: tuple[ToolResult, ...]
    schema: Mapping[str, Any] | None
    wants_blocks: bool
    open_item: tuple[str, Mapping[str, Any]] | None
    shown: tuple[tuple[str, str], ...]
    repair: tuple[str | None, ...]
    now_ms: int | None
    calendar: Calendar
    stream: bool
    include_usage: bool
    max_tokens: int | None
    prompt_tokens: int


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Function(_Model):
    name: str
    arguments: str = ""
    parameters: dict[str, Any] | None = None


class _Call(_Model):
    id: str = ""
    function: _Function


class _Message(_Model):
    role: str
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class _Tool(_Model):
    function: _Function


class _StreamOptions(_Model):
    include_usage: bool = False


def _known_zone(name: str) -> str:
    return zone_named(name).key


def _known_weekday(name: str) -> str:
    if name not in WEEKDAYS:
        raise ValueError("not an English weekday in lower case")
    return name


class _Metadata(_Model):
    """What Tessera says about a call; `agents.call_metadata` writes it. Other clients send none of it."""

    call: Literal["answer", "repair", "route"] = Field("answer", alias="tessera_call")
    mode: Literal["home", "popup"] = Field("popup", alias="tessera_mode")
    now_ms: int | None = Field(None, alias="tessera_now_ms", ge=0, le=_LATEST_MS)
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field("UTC", alias="tessera_time_zone")
    week_start: Annotated[str, AfterValidator(_known_weekday)] = Field("monday", alias="tessera_week_start")
    open: Literal["task", "project", "note", "checkpoint"] | None = Field(None, alias="tessera_open")
    blocks: str = Field("", alias="tessera_blocks")


class _Body(_Model):
    model: str = "tessera-demo"
    messages: list[_Message] = Field(min_length=1)
    tools: list[_Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    metadata: _Metadata | None = None


def parse_request(source: str | bytes) -> DemoRequest:
    """Read the body of a request. Raises `InvalidRequestError`."""
    try:
        body = _Body.model_validate_json(source)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "body"
        raise InvalidRequestError(f"{place}: {fault['msg']}") from None
    metadata = body.metadata or _Metadata()
    calendar = Calendar(zone_named(metadata.time_zone), WEEKDAYS.index(metadata.week_start))
    questions = [number for number, message in enumerate(body.messages) if message.role == "user"]
    repair: tuple[str | None, ...] = ()
    if metadata.call == "repair" and len(questions) > 1:
        repair = tuple(kind or None for kind in metadata.blocks.split(","))
        questions.pop()
    asked = questions[-1] if questions else -1
    context, question = _divided(body.messages[asked].text) if asked >= 0 else ("", "")
    usable = [] if body.tool_choice == "none" else body.tools or []
    return DemoRequest(
        model=body.model,
        question=in_english(question),
        earlier=tuple(
            _SENT.sub("", m.text, count=1) if _SENT.match(m.text) else m.text
            for m in reversed(body.messages[: max(asked, 0)])
            if m.role == "user"
        ),
        tools={tool.function.name: tool.function.parameters or {} for tool in usable},
        results=tuple(_results(body.messages[asked + 1 :], calendar)),
        schema=_schema(body.response_format),
        wants_blocks=metadata.mode == "home",
        open_item=_open_item(context, metadata.open, calendar),
        shown=_shown(context),
        repair=repair,
        now_ms=metadata.now_ms,
        calendar=calendar,
        stream=body.stream,
        include_usage=body.stream_options is not None and body.stream_options.include_usage,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        prompt_tokens=1 + sum(len(message.text) for message in body.messages) // 4,
    )


def _divided(text: str) -> tuple[str, str]:
    """What Tessera says before the person's message, and the message; "" and the whole text from other clients."""
    context, mark, question = text.partition(_MESSAGE_MARK)
    return (context, question) if mark and context.startswith("Now it is ") else ("", text)


def _results(messages: Sequence[_Message], calendar: Calendar) -> list[ToolResult]:
    calls = {call.id: call.function for message in messages for call in message.tool_calls or ()}
    results = []
    for message in messages:
        function = calls.get(message.tool_call_id or "") if message.role == "tool" else None
        if function is not None:
            arguments = _json(function.arguments)
            data, error = _outcome(_json(message.text))
            known = arguments if isinstance(arguments, dict) else {}
            results.append(ToolResult(function.name, known, with_days(data, calendar), error))
    return results


def _outcome(data: Any) -> tuple[Any, tuple[str, str] | None]:
    if data is None:
        return None, ("unreadable", "The result is not JSON, or was cut.")
    if isinstance(data, dict) and isinstance(columns := data.get("columns"), list):
        rows = [row for row in data.get("rows", []) if isinstance(row, list)]
        return {**data, "items": [dict(zip(columns, row, strict=False)) for row in rows]}, None
    if isinstance(data, dict) and "error" in data:
        error = data["error"]
        if isinstance(error, dict):
            return None, (str(error.get("code", "error")), str(error.get("message", "")))
        return None, ("error", str(error))
    return data, None


def _schema(response_format: dict[str, Any] | None) -> Mapping[str, Any] | None:
    wrapped = (response_format or {}).get("json_schema")
    schema = wrapped.get("schema") if isinstance(wrapped, dict) else None
    return schema if isinstance(schema, dict) else None


def _open_item(context: str, entity: str | None, calendar: Calendar) -> tuple[str, Mapping[str, Any]] | None:
    """The item in the prompt's fence that is named after its entity; nothing inside a fence can close it."""
    if entity is None:
        return None
    item = _fenced(context, entity)
    return (entity, with_days(item, calendar)) if isinstance(item, dict) else None


def _shown(context: str) -> tuple[tuple[str, str], ...]:
    """The latest list of items in `earlier_answers`: cards, else the first column of a table."""
    data = _fenced(context, "earlier_answers")
    answers = data.get("answers") if isinstance(data, dict) else None
    for answer in reversed(answers or []):
        for fact in answer.get("facts", []):
            if fact.get("showed") == "items" and len(items := fact.get("items", [])) > 1:
                return tuple((str(fact.get("entity")), str(item.get("id"))) for item in items)
        for fact in answer.get("facts", []):
            if fact.get("showed") == "table" and len(rows := fact.get("rows", [])) > 1:
                return tuple(("", str(row[0])) for row in rows if isinstance(row, list) and row)
    return ()


def _fenced(context: str, name: str) -> Any:
    """The data of the prompt's fence with this name; None if there is none."""
    return _json(context.partition(f'<data name="{name}">\n')[2].partition("\n</data>")[0])


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
