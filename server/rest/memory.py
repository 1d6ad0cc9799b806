"""A person's own memory: read it all, set or remove a preference, forget one thing, erase everything."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from quart import Blueprint, Response
from quart.wrappers.response import ResponseBody

from memory import InvalidCoreValue, MemoryMiddleware, NoSuchUser, PreferenceChanged, TooManyPreferences
from server.rest.bodies import authenticated_user, read_body
from server.rest.errors import ApiError, json_response, unauthorized
from server.rest.openapi import Answer, Operation, rule_of
from server.rest.services import RestServices
from streaming.wire import ErrorCode, MemoryTier

NDJSON: Final = "application/x-ndjson"


class CoreBody(BaseModel):
    """A preference's value: any JSON of at most 4000 characters."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    value: JsonValue


class CoreAnswer(BaseModel):
    """The preference as it is now."""

    key: str
    value: JsonValue


class ForgottenAnswer(BaseModel):
    """In which tiers something was removed."""

    id: UUID
    tiers: list[MemoryTier]


class ReceiptAnswer(BaseModel):
    """What an erasure removed, and which key it destroyed. Fingerprints name keys and tell nothing about them."""

    user_id: UUID
    erased_at: datetime
    removed: dict[str, int] = Field(description="Rows by tier; `terms` are those of the search index.")
    key_before: str | None = Field(description="Null when the old key could not be opened any more.")
    key_after: str
    backups_unreadable: bool = Field(
        description="Whether copies of the database made before can't be read any more either."
    )


_REFUSALS: Final = {
    401: "No valid access token.",
    500: "The server failed.",
    503: "The database is away.",
}
_BODY_REFUSALS: Final = {
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The body is not sent as JSON.",
    422: "The name or the value is not one that memory takes.",
}
EXPORT: Final = Operation(
    method="GET",
    path="/api/v1/memory",
    name="export_memory",
    summary="Read all of one's memory",
    description="One JSON object a line, each with its `tier`; one that does not decrypt has `unreadable` true.",
    tag="memory",
    authenticated=True,
    answers={200: Answer("All tiers, decrypted.", None, (NDJSON,))},
    refusals=_REFUSALS,
)
ERASE: Final = Operation(
    method="DELETE",
    path="/api/v1/memory",
    name="erase_memory",
    summary="Erase all of one's memory and destroy its key",
    tag="memory",
    authenticated=True,
    answers={200: Answer("It is erased; the receipt says what.", ReceiptAnswer)},
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
    answers={200: Answer("It is set.", CoreAnswer)},
    refusals={
        **_REFUSALS,
        **_BODY_REFUSALS,
        409: "There are as many as there may be; or another request set or removed it meanwhile.",
    },
)
DELETE_CORE: Final = Operation(
    method="DELETE",
    path="/api/v1/memory/core/{key}",
    name="delete_preference",
    summary="Remove a preference with its history",
    tag="memory",
    authenticated=True,
    answers={204: Answer("It is removed.")},
    refusals={**_REFUSALS, 404: "There is no such preference."},
)
FORGET: Final = Operation(
    method="DELETE",
    path="/api/v1/memory/items/{memory_id}",
    name="forget_memory",
    summary="Forget one thing",
    description="Goes with the conversation it was learned from, or with what was learned from that conversation.",
    tag="memory",
    authenticated=True,
    answers={200: Answer("It is removed for good.", ForgottenAnswer)},
    refusals={**_REFUSALS, 404: "Memory does not have this."},
)
OPERATIONS: Final = (EXPORT, ERASE, SET_CORE, DELETE_CORE, FORGET)


def memory_routes(services: RestServices) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("memory", __name__)

    def owner() -> tuple[MemoryMiddleware, UUID]:
        user = authenticated_user(services.tokens)
        if services.memory is None:
            raise ApiError(503, ErrorCode.MEMORY_UNAVAILABLE, "This server has no memory.", retryable=True)
        return services.memory, user.user_id

    @routes.errorhandler(NoSuchUser)
    async def gone(error: NoSuchUser) -> Response:
        refusal = unauthorized(str(error))
        return json_response(refusal.body(), refusal.status, refusal.headers)

    @routes.route(rule_of(EXPORT), methods=[EXPORT.method])
    async def export() -> Response:
        memory, user_id = owner()
        lines = _lines(memory, user_id)
        try:
            # The first page here, so that a refusal can still become a status.
            first = await anext(lines, b"")
        except BaseException:
            await lines.aclose()
            raise
        response = Response(LineStream(first, lines), 200, content_type=NDJSON)
        response.timeout = None  # as long as the client takes
        return response

    @routes.route(rule_of(ERASE), methods=[ERASE.method])
    async def erase() -> Response:
        memory, user_id = owner()
        receipt = await memory.erase(user_id)
        return json_response(ReceiptAnswer.model_validate(receipt, from_attributes=True))

    @routes.route(rule_of(SET_CORE, key="name"), methods=[SET_CORE.method])
    async def set_core(key: str) -> Response:
        memory, user_id = owner()
        body = await read_body(CoreBody)
        try:
            await memory.update_core(user_id, key, body.value)
        except InvalidCoreValue as error:
            raise ApiError(422, "invalid_preference", str(error)) from None
        except TooManyPreferences:
            raise ApiError(409, "too_many_preferences", "Remove a preference before you add another.") from None
        except PreferenceChanged:
            raise ApiError(
                409, "preference_changed", "This preference was set or removed meanwhile.", retryable=True
            ) from None
        return json_response(CoreAnswer(key=key, value=body.value))

    @routes.route(rule_of(DELETE_CORE, key="name"), methods=[DELETE_CORE.method])
    async def delete_core(key: str) -> Response:
        memory, user_id = owner()
        if not await memory.delete_core(user_id, key):
            raise ApiError(404, "unknown_preference", "There is no preference of this name.")
        return Response("", 204)

    @routes.route(rule_of(FORGET), methods=[FORGET.method])
    async def forget(memory_id: str) -> Response:
        return json_response(await _forgotten(*owner(), memory_id))

    return routes


async def _forgotten(memory: MemoryMiddleware, user_id: UUID, memory_id: str) -> ForgottenAnswer:
    """Raises `ApiError` 404, also for what is no id at all."""
    with suppress(ValueError):
        if tiers := await memory.forget(user_id, UUID(memory_id)):
            return ForgottenAnswer(id=UUID(memory_id), tiers=tiers)
    raise ApiError(404, ErrorCode.UNKNOWN_MEMORY, "Memory does not have this.")


async def _lines(memory: MemoryMiddleware, user_id: UUID) -> AsyncGenerator[bytes, None]:
    async with aclosing(memory.export(user_id)) as pages:
        async for page in pages:
            yield b"".join(_line(record) for record in page)


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


class LineStream(ResponseBody):
    """The body of an export: pages of lines, read from the database as the client takes them."""

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
