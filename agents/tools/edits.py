"""Checks the arguments of a device call that the person edited while approving it, like those of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from agents.dates import CALENDAR_KEY
from agents.device import DeviceCall
from agents.tools.error import ToolError
from agents.tools.fields import CreateArgs, UpdateArgs
from agents.tools.tool import ToolArgs, describe_faults
from agents.tools.verbs import ENTITIES
from person import UTC_CALENDAR, Calendar

_CODE = "invalid_edit"
A = TypeVar("A", bound=ToolArgs)


def check_edit(call: DeviceCall, edited: Mapping[str, Any], calendar: Calendar = UTC_CALENDAR) -> dict[str, Any]:
    """The arguments to run `call` with. The person cannot make it refer to another item.

    Raises `ToolError` with code `invalid_edit`; its message names the field.
    """
    if edited.get("id") != call.args.get("id"):
        raise ToolError(_CODE, "id: the call can't be changed to another item")
    verb, _, entity = call.tool.partition("_")
    fields = next((fields for name, fields in ENTITIES.items() if name == entity), None)
    data = edited.get("data")
    match verb:
        case "delete":
            return {"id": edited["id"]}
        case "create" if fields is not None and isinstance(data, Mapping):
            return {"data": _created(fields.create_args, data, calendar)}
        case "update" if fields is not None and isinstance(data, Mapping):
            return {"id": edited["id"], "data": _updated(fields.update_args, str(edited["id"]), data, calendar)}
    raise ToolError(_CODE, "data: an object with the fields is required")


def _created(model: type[CreateArgs], data: Mapping[str, Any], calendar: Calendar) -> dict[str, Any]:
    """The person may set the fields that an agent may not (`FIXED`), because it is their own device."""
    fixed = {name: data[name] for name in model.FIXED if data.get(name) is not None}
    if wrong := [name for name, value in fixed.items() if not isinstance(value, bool)]:
        raise ToolError(_CODE, f"As edited by the person: {wrong[0]}: true or false is required")
    given = {name: value for name, value in data.items() if name not in model.FIXED}
    return {**_validated(model, given, calendar).device_data(), **fixed}


def _updated(model: type[UpdateArgs], item_id: str, data: Mapping[str, Any], calendar: Calendar) -> dict[str, Any]:
    """The device's form of the change: null empties a field. A client's form sends an emptied field as ""."""
    given = {name: value for name, value in data.items() if value is not None and value != ""}
    cleared = [name for name in data if name not in given]
    if not data or {"id", "clear"} & data.keys():
        raise ToolError(_CODE, 'data: give the fields to change, and null or "" for each field to empty')
    values = {**given, "id": item_id, **({"clear": cleared} if cleared else {})}
    return _validated(model, values, calendar).device_data()


def _validated(model: type[A], values: Mapping[str, Any], calendar: Calendar) -> A:
    try:
        return model.model_validate(values, context={CALENDAR_KEY: calendar})
    except ValidationError as error:
        raise ToolError(_CODE, f"As edited by the person: {describe_faults(error)}") from None
