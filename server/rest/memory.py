"""The routes for a user's own memory: export it, set or delete a preference, forget one item, erase everything."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from quart import Blueprint, Response
from quart.wrappers.response import ResponseBody

from memory import (
    MAX_LISTED,
    Forgotten,
    InvalidCoreValue,
    MemoryMiddleware,
    PreferenceChanged,
    TooManyPreferences,
)
from person import UnknownZone, remembered_locale
from server.rest.bodies import read_body
from server.rest.errors import ApiError, json_response
from server.rest.memory_owner import memory_owner, refuse_users_without_key
from server.rest.openapi import Answer, Operation, rule_of
from server.rest.services import RestServices
from streaming.wire import ErrorCode, MemoryTier

NDJSON: Final = "application/x-ndjson"


class CoreBody(BaseModel):
    """A preference's value: any JSON of at most 4000 characters."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    value: JsonValue


class CoreAnswer(BaseModel):
    """The preference after the change."""

    key: str
    value: JsonValue


class ForgettingAnswer(BaseModel):
    """What forgetting an item removes. Lists have at most 1000 ids each; the counts are complete."""

    id: UUID
    tiers: list[MemoryTier] = Field(description="The tiers that lose items.")
    removed: dict[MemoryTier, list[UUID]] = Field(description="The ids of the removed items, by tier.")
    counts: dict[MemoryTier, int] = Field(description="The number of removed items, by tier.")
    restored: list[UUID] = Field(description="Preferences whose earlier value counts again.")
    redacted: list[UUID] = Field(
        description="Conversations that stay, but lose the sentences about a forgotten preference."
    )
    mentioned: list[UUID] = Field(
        description="Conversations that stay although they mention what is forgotten, because they say something else."
    )


class ForgottenAnswer(ForgettingAnswer):
    """What was removed."""

    unreadable_by: datetime | None = Field(
        description="When copies of the database can't be decrypted for the removed contents any more; null: never,"
        " because the user's key has no key share."
    )


class SignedReceiptAnswer(BaseModel):
    """A receipt in its signed form, its Ed25519 signature, and the public key that checks it, both in base64."""

    receipt: str = Field(description="JSON with the fields of the erasure's answer; the signature is of exactly this.")
    signature: str
    public_key: str


class ReceiptsAnswer(BaseModel):
    """The receipts of the user's erasures, newest first."""

    receipts: list[SignedReceiptAnswer]


class ReceiptAnswer(BaseModel):
    """What an erasure removed, and which key it destroyed. Fingerprints identify keys without revealing them."""

    user_id: UUID
    erased_at: datetime
    removed: dict[str, int] = Field(description="Removed rows by tier; `terms` are those of the search index.")
    key_before: str | None = Field(description="Fingerprint of the destroyed key; null if it could not be decrypted.")
    key_after: str
    backups_unreadable: bool = Field(
        description="Whether the memory in earlier backups of the database is unreadable too."
    )


_REFUSALS: Final = {
    401: "No valid access token.",
    500: "The server failed.",
    503: "The database can't be reached.",
}
_BODY_REFUSALS: Final = {
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The Content-Type is not application/json.",
    422: "The name or the value of the preference is not allowed.",
}
EXPORT: Final = Operation(
    method="GET",
    path="/api/v1/memory",
    name="export_memory",
    summary="Export the user's memory",
    description="One JSON object per line with its `tier`; an item that does not decrypt has `unreadable` true.",
    tag="memory",
    authenticated=True,
    answers={200: Answer("All tiers, decrypted.", None, (NDJSON,))},
    refusals=_REFUSALS,
)
ERASE: Final = Operation(
    method="DELETE",
    path="/api/v1/memory",
    name="erase_memory",
    summary="Erase the user's memory and destroy its key",
    tag="memory",
    authenticated=True,
    answers={200: Answer("The memory is erased; the receipt lists what was removed.", ReceiptAnswer)},
    refusals=_REFUSALS,
)
SET_CORE: Final = Operation(
    method="PUT",
    path="/api/v1/memory/core/{key}",
    name="set_preference",
    summary="Set a preference",
    tag="memory",
    body=CoreBody,
    authenticated=True,
    answers={200: Answer("The preference is set.", CoreAnswer)},
    refusals={
        **_REFUSALS,
        **_BODY_REFUSALS,
        409: "The maximum number of preferences is reached, or another request changed this preference.",
    },
)
DELETE_CORE: Final = Operation(
    method="DELETE",
    path="/api/v1/memory/core/{key}",
    name="delete_preference",
    summary="Delete a preference and its history",
    tag="memory",
    authenticated=True,
    answers={204: Answer("The preference is deleted.")},
    refusals={**_REFUSALS, 404: "No preference has this name."},
)
FORGET: Final = Operation(
    method="DELETE",
    path="/api/v1/memory/items/{memory_id}",
    name="forget_memory",
    summary="Forget one item",
    description="Also removes the conversation that it was learned from, or what was learned from it.",
    tag="memory",
    authenticated=True,
    answers={200: Answer("The item is removed permanently.", ForgottenAnswer)},
    refusals={**_REFUSALS, 404: "Memory has no item with this id."},
)
PREVIEW: Final = Operation(
    method="GET",
    path="/api/v1/memory/items/{memory_id}/forget-preview",
    name="preview_forgetting",
    summary="Show what forgetting an item would remove",
    description="Nothing is removed. The answer is what `DELETE` would return now.",
    tag="memory",
    authenticated=True,
    answers={200: Answer("What would be removed.", ForgettingAnswer)},
    refusals={**_REFUSALS, 404: "Memory has no item with this id."},
)
RECEIPTS: Final = Operation(
    method="GET",
    path="/api/v1/memory/receipts",
    name="list_erasure_receipts",
    summary="List the signed receipts of erasures",
    tag="memory",
    authenticated=True,
    answers={200: Answer("All receipts, newest first.", ReceiptsAnswer)},
    refusals=_REFUSALS,
)
OPERATIONS: Final = (EXPORT, ERASE, SET_CORE, DELETE_CORE, FORGET, PREVIEW, RECEIPTS)


def memory_routes(services: RestServices) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("memory", __name__)

    refuse_users_without_key(routes)

    @routes.route(rule_of(EXPORT), methods=[EXPORT.method])
    async def export() -> Response:
        memory, user_id = await memory_owner(services)
        lines = _lines(memory, user_id)
        try:
            # The first page is read here, so that an error can still set the HTTP status.
            first = await anext(lines, b"")
        except BaseException:
            await lines.aclose()
            raise
        response = Response(LineStream(first, lines), 200, content_type=NDJSON)
        response.timeout = None  # no limit: the export takes as long as the client needs
        return response

    @routes.route(rule_of(ERASE), methods=[ERASE.method])
    async def erase() -> Response:
        memory, user_id = await memory_owner(services)
        receipt = await memory.erase(user_id)
        return json_response(ReceiptAnswer.model_validate(receipt, from_attributes=True))

    @routes.route(rule_of(SET_CORE, key="name"), methods=[SET_CORE.method])
    async def set_core(key: str) -> Response:
        memory, user_id = await memory_owner(services)
        body = await read_body(CoreBody)
        _check_locale_value(key, body.value)
        try:
            await memory.update_core(user_id, key, body.value)
        except InvalidCoreValue as error:
            raise ApiError(422, "invalid_preference", str(error)) from None
        except TooManyPreferences:
            raise ApiError(
                409,
                "too_many_preferences",
                "The maximum number of preferences is reached. Delete one before you add another.",
            ) from None
        except PreferenceChanged:
            raise ApiError(
                409,
                "preference_changed",
                "Another request changed this preference at the same time. Read it and try again.",
                retryable=True,
            ) from None
        return json_response(CoreAnswer(key=key, value=body.value))

    @routes.route(rule_of(DELETE_CORE, key="name"), methods=[DELETE_CORE.method])
    async def delete_core(key: str) -> Response:
        memory, user_id = await memory_owner(services)
        if not await memory.delete_core(user_id, key):
            raise ApiError(404, "unknown_preference", "No preference has this name.")
        return Response("", 204)

    _forget_routes(routes, services)
    return routes


def _check_locale_value(key: str, value: JsonValue) -> None:
    """Refuse a time zone or a first day of the week that no answer could be made for. Raises `ApiError` 422."""
    stated = remembered_locale({key: value})
    if key == "time_zone" and stated.time_zone is None:
        raise ApiError(422, "invalid_preference", f"time_zone: {UnknownZone()}.")
    if key == "week_start" and stated.week_start is None:
        raise ApiError(422, "invalid_preference", "week_start: send the English name of a weekday, such as monday.")


def _forget_routes(routes: Blueprint, services: RestServices) -> None:
    @routes.route(rule_of(RECEIPTS), methods=[RECEIPTS.method])
    async def receipts() -> Response:
        memory, user_id = await memory_owner(services)
        found = [
            SignedReceiptAnswer(
                receipt=one.text,
                signature=b64encode(one.signature).decode(),
                public_key=b64encode(one.public_key).decode(),
            )
            for one in await memory.receipts(user_id)
        ]
        return json_response(ReceiptsAnswer(receipts=found))

    @routes.route(rule_of(FORGET), methods=[FORGET.method])
    async def forget(memory_id: str) -> Response:
        memory, user_id = await memory_owner(services)
        forgotten = await _forgotten(memory.forget, user_id, memory_id)
        listed = _listed(memory_id, forgotten) | {"unreadable_by": forgotten.unreadable_by}
        return json_response(ForgottenAnswer.model_validate(listed))

    @routes.route(rule_of(PREVIEW), methods=[PREVIEW.method])
    async def preview(memory_id: str) -> Response:
        memory, user_id = await memory_owner(services)
        forgotten = await _forgotten(memory.preview_forgetting, user_id, memory_id)
        return json_response(ForgettingAnswer.model_validate(_listed(memory_id, forgotten)))


async def _forgotten(forget: Callable[[UUID, UUID], Awaitable[Forgotten]], user_id: UUID, memory_id: str) -> Forgotten:
    """Raises `ApiError` 404, also if `memory_id` is not a UUID."""
    with suppress(ValueError):
        if forgotten := await forget(user_id, UUID(memory_id)):
            return forgotten
    raise ApiError(404, ErrorCode.UNKNOWN_MEMORY, "Memory has no item with this id.")


def _listed(memory_id: str, forgotten: Forgotten) -> dict[str, Any]:
    return {
        "id": memory_id,
        "tiers": forgotten.tiers,
        "removed": {tier: ids[:MAX_LISTED] for tier, ids in forgotten.removed.items()},
        "counts": forgotten.counts,
        "restored": forgotten.restored[:MAX_LISTED],
        "redacted": forgotten.redacted[:MAX_LISTED],
        "mentioned": forgotten.mentioned[:MAX_LISTED],
    }


async def _lines(memory: MemoryMiddleware, user_id: UUID) -> AsyncGenerator[bytes, None]:
    async with aclosing(memory.export(user_id)) as pages:
        async for page in pages:
            yield b"".join(_line(record) for record in page)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


class LineStream(ResponseBody):
    """The body of an export: pages of lines, read from the database when the client is ready for them."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None]) -> None:
        self._first: bytes | None = first
        self._rest = rest

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._rest.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        return first if first is not None else await anext(self._rest)
