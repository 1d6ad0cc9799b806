"""The device boundary for calendar days: frames with days in the device's form, and in the server's. Pure.

A device declares its form in `device_hello.dates`. Inside the server, in memory and at other servers a day is
`2026-03-09`. A session reads every frame of its device with `read_days` and writes every frame to it with `write_days`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from person import UTC_CALENDAR, DayForm, DayForms, StatedLocale, resolve_locale
from streaming.wire import (
    AnswerFrame,
    ClientFrame,
    StreamText,
    WsApproval,
    WsApprovalRequest,
    WsClientMutation,
    WsDataRequest,
    WsDataResponse,
    WsLocale,
    WsMutationRecord,
    WsRequestResult,
    WsServerMutation,
    WsStreamBlock,
    WsStreamEnd,
    WsToolCall,
    WsToolResult,
)

_AS_TEXT: Final = DayForms("date")


@dataclass(frozen=True, slots=True)
class DeviceLocale:
    """What a device says about the person's locale, and how it stores calendar days."""

    stated: StatedLocale | None = None
    forms: DayForms = _AS_TEXT

    @classmethod
    def of(cls, locale: WsLocale | None, form: DayForm) -> DeviceLocale:
        """The locale of `device_hello`."""
        stated = None if locale is None else locale.stated("device")
        return cls(stated, DayForms(form, None if stated is None else resolve_locale(stated).calendar))

    def changed(self, locale: WsLocale) -> DeviceLocale:
        """With the locale of a `locale_changed` frame."""
        return DeviceLocale.of(locale, self.forms.form)


NO_LOCALE: Final = DeviceLocale()
"""Of a device that says nothing about the person, and stores days as text."""


def read_days(frame: ClientFrame, forms: DayForms) -> ClientFrame:
    """A device's frame with its days in the server's form."""
    if not forms.converts:
        return frame
    match frame:
        case WsToolResult():
            return frame.model_copy(
                update={"data": _read_result(frame.data, forms), "edited_args": _read_args(frame.edited_args, forms)}
            )
        case WsApproval():
            return frame.model_copy(update={"edited_args": _read_args(frame.edited_args, forms)})
        case WsDataResponse(items=list(items)):
            return frame.model_copy(update={"items": [forms.read_item(item) for item in items]})
        case WsClientMutation(data=dict(data)):
            return frame.model_copy(update={"data": forms.read_item(data)})
    return frame


def write_days(frame: AnswerFrame, forms: DayForms) -> AnswerFrame:
    """A frame for a device with its days in the device's form."""
    if not forms.converts or isinstance(frame, StreamText):
        return frame
    update: dict[str, Any] = {}
    match frame:
        case WsToolCall() | WsApprovalRequest():
            update = {"args": _write_args(frame.args, forms)}
        case WsDataRequest(filter=dict(conditions)):
            update = {"filter": forms.write_filter(conditions)}
        case WsServerMutation(data=dict(data)):
            update = {"data": forms.write_item(data)}
        case WsStreamBlock():
            update = {"data": _write_block(frame.block_type, frame.data, forms)}
        case WsStreamEnd() if frame.mutations:
            update = {"mutations": _write_mutations(frame.mutations, forms)}
        case WsRequestResult():
            blocks = [
                block
                if block.data is None
                else block.model_copy(update={"data": _write_block(block.block_type, block.data, forms)})
                for block in frame.blocks
            ]
            update = {"blocks": blocks, "mutations": _write_mutations(frame.mutations, forms)}
    return frame.model_copy(update=update) if update else frame


def _read_result(data: Any, forms: DayForms) -> Any:
    """A tool's result: an item, or a list of items."""
    if not isinstance(data, Mapping):
        return data
    items = data.get("items")
    if isinstance(items, list):
        return {**data, "items": [forms.read_item(item) if isinstance(item, Mapping) else item for item in items]}
    return forms.read_item(data)


def _read_args(args: Mapping[str, Any] | None, forms: DayForms) -> Mapping[str, Any] | None:
    data = None if args is None else args.get("data")
    return {**args, "data": forms.read_item(data)} if args is not None and isinstance(data, Mapping) else args


def _write_args(args: Mapping[str, Any], forms: DayForms) -> dict[str, Any]:
    written = dict(args)
    if isinstance(data := args.get("data"), Mapping):
        written["data"] = forms.write_data(data)
    if isinstance(conditions := args.get("filter"), Mapping):
        written["filter"] = forms.write_filter(conditions)
    return written


def _write_block(block_type: str, data: dict[str, Any], forms: DayForms) -> dict[str, Any]:
    match block_type, data:
        case "entity_ref", {"items": list(items)}:
            return {**data, "items": [forms.write_item(item) if isinstance(item, Mapping) else item for item in items]}
        case "timeline", {"checkpoints": list(points)}:
            return {**data, "checkpoints": [_write_point(point, forms) for point in points]}
    return data


def _write_point(point: Any, forms: DayForms) -> Any:
    """A checkpoint of a timeline with a number as its date, also if a model wrote a local time."""
    if not isinstance(point, Mapping):
        return point
    written = forms.write_item(point)
    if isinstance(date := written.get("date"), str):
        instant = (forms.calendar or UTC_CALENDAR).read(date)
        written["date"] = date if instant is None else instant
    return written


def _write_mutations(mutations: Sequence[WsMutationRecord], forms: DayForms) -> list[WsMutationRecord]:
    return [
        one if one.data is None else one.model_copy(update={"data": forms.write_item(one.data)}) for one in mutations
    ]
