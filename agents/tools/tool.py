"""A tool: a name, a description, a model of its arguments, and a coroutine that makes device calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from agents.dates import CALENDAR_KEY, NOW_KEY
from agents.tools.device_access import DeviceAccess
from agents.tools.error import ToolError
from agents.tools.references import find_item, find_title
from streaming.chat import ToolSpec
from streaming.wire import Entity

_NAMED_FAULTS = 5
# Names that small models write for an argument.
_OTHER_NAMES: Mapping[str, str] = {
    "project": "projectId",
    "project_id": "projectId",
    "due": "dueDate",
    "due_date": "dueDate",
    "task": "id",
    "note": "id",
    "checkpoint": "id",
    "content": "text",
}


class ToolArgs(BaseModel):
    """Arguments as a model writes them, in camelCase like the device's fields.

    Models write null or "" for arguments they do not use, so both count as absent; a field is emptied by naming it in
    `clear`. Common other names of an argument, such as `project` for `projectId`, are accepted. Texts are kept
    unchanged; ids, titles and names are stripped of surrounding white space. An unknown argument is an error that names
    it, so the model can correct the call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, coerce_numbers_to_str=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_absent(cls, data: Any) -> Any:
        if data is None:
            return {}
        if isinstance(data, Mapping):
            given = {key: value for key, value in data.items() if value is not None and value != ""}
            known = {field.alias or name for name, field in cls.model_fields.items()}
            return {_known_name(key, known, given): value for key, value in given.items()}
        return data


def _known_name(name: Any, known: Collection[str], given: Collection[Any]) -> Any:
    """The argument that a model means by `name`, if it wrote another common name of one that it did not give."""
    meant = _OTHER_NAMES.get(name) if isinstance(name, str) and name not in known else None
    return meant if meant in known and meant not in given else name


A = TypeVar("A", bound=ToolArgs)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """One tool of an agent. `run` returns JSON data for the model, or raises `ToolError`.

    `entity`: the items that its argument `id` names and that its result has. `changes`: it can create, change or delete
    items. `exact_titles`: a title must be written out, because the change can't be undone. `shown`: the arguments that
    the model is told about, if these are not all; the others are accepted too.
    """

    name: str
    description: str
    args: type[A]
    run: Callable[[DeviceAccess, A], Awaitable[Any]]
    entity: Entity | None
    changes: bool = True
    exact_titles: bool = False
    shown: frozenset[str] | None = None

    def spec(self) -> ToolSpec:
        """The tool as the model sees it."""
        return ToolSpec(self.name, self.description, parameters_schema(self.args, self.shown))

    async def invoke(self, access: DeviceAccess, arguments: str) -> Any:
        """Check `arguments`, the JSON text that the model wrote, and run the tool. Raises `ToolError`.

        Items may be named by handle, id or title.
        """
        args = await self._with_projects(access, self._parse(arguments, access))
        written = getattr(args, "id", None)
        if written is None or self.entity is None:
            return await self.run(access, args)
        found = await find_item(access, self.entity, written, exact=self.exact_titles)
        try:
            return await self.run(access, args.model_copy(update={"id": found.id}))
        except ToolError as error:
            # No tool changes an item before it has found all others, so nothing was changed.
            if error.code != "not_found" or not found.maybe_title:
                raise
        item_id = await find_title(access, self.entity, written, exact=self.exact_titles)
        return await self.run(access, args.model_copy(update={"id": item_id}))

    async def _with_projects(self, access: DeviceAccess, args: A) -> A:
        """`args` with the ids of the projects that it names. A tool that changes items checks that they exist."""
        written = getattr(args, "project_id", None)
        if written is None:
            return args
        if isinstance(written, list):
            found = [await self._project(access, one) for one in written]
            return args.model_copy(update={"project_id": found})
        return args.model_copy(update={"project_id": await self._project(access, written)})

    async def _project(self, access: DeviceAccess, written: str) -> str:
        found = await find_item(access, "project", written)
        if not self.changes or access.knows("project", found.id):
            return found.id
        try:
            # The device stores any id without checking it.
            await access.get_item("project", found.id)
        except ToolError as error:
            if error.code != "not_found" or not found.maybe_title:
                raise
            return await find_title(access, "project", written)
        return found.id

    def _parse(self, arguments: str, access: DeviceAccess) -> A:
        context = {CALENDAR_KEY: access.calendar, NOW_KEY: access.now_ms}
        try:
            return self.args.model_validate_json(arguments.strip() or "{}", context=context)
        except ValidationError as error:
            raise ToolError("invalid_arguments", describe_faults(error)) from None


def describe_faults(error: ValidationError) -> str:
    """The faults of the arguments, by field, without the values."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return "The arguments are not valid JSON; write one JSON object."
    named = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'arguments'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in faults[:_NAMED_FAULTS]
    ]
    if len(faults) > _NAMED_FAULTS:
        named.append(f"and {len(faults) - _NAMED_FAULTS} more")
    return "; ".join(named)


class _ParametersSchema(GenerateJsonSchema):
    """JSON Schemas without titles, nulls, defaults and lengths, to save tokens: the model reads them in every call.

    The arguments are checked in full; an error then names the limit.
    """

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


_UNSHOWN = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"})


# Kept: making the schemas of an agent's tools takes milliseconds, in which no other request runs.
@cache
def parameters_schema(args: type[ToolArgs], shown: frozenset[str] | None = None) -> Mapping[str, Any]:
    """The JSON Schema of a tool's arguments: an object with only the declared properties. Must not be changed.

    `shown`: only these properties. `limit` is never one: its default fits.
    """
    schema = _without_lengths(args.model_json_schema(schema_generator=_ParametersSchema))
    properties = schema.get("properties", {})
    names = sorted(name for name in properties if name != "limit" and (shown is None or name in shown))
    required = sorted(name for name in schema.get("required", []))
    parameters = {"type": "object", "properties": {name: properties[name] for name in names}}
    return {**parameters, "required": required} if required else parameters


def _without_lengths(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_lengths(value) for key, value in schema.items() if key not in _UNSHOWN}
    return [_without_lengths(one) for one in schema] if isinstance(schema, list) else schema
