"""The routes for a user's conversations: list, read, rename, forget."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from quart import Blueprint, Response

from memory import (
    MAX_LISTED,
    MAX_TITLE_CHARS,
    Conversation,
    MemoryMiddleware,
    clean_title,
    conversation_key,
)
from server.rest.bodies import read_body
from server.rest.errors import ApiError, json_response
from server.rest.memory_owner import memory_owner, refuse_users_without_key
from server.rest.openapi import Answer, Operation, rule_of
from server.rest.pages import BAD_PAGE, PAGED, next_cursor, page_limit, page_position
from server.rest.services import RestServices
from streaming.wire import MemoryTier, Optional

_MAX_TITLE_BODY_CHARS: Final = 1_000
_UNKNOWN: Final = "unknown_conversation"


class TitleBody(BaseModel):
    """A new title: 1 to 200 characters on one line."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    title: str = Field(min_length=1, max_length=_MAX_TITLE_BODY_CHARS)


class ConversationSummary(BaseModel):
    """A conversation in the list. `count` is its number of exchanges."""

    id: str
    title: str
    last_message_at: datetime
    count: int
    kind: Literal["home", "popup"] = Field(
        description="`popup`: it began in a popup on items. Conversations of older versions are `home`."
    )


class ConversationList(BaseModel):
    """A page of conversations, the one with the newest message first. `next` is the cursor of the next page."""

    conversations: list[ConversationSummary]
    next: Optional[str] = Field(default=None, description="Cursor of the next page; left out on the last page.")


class ExchangeAnswer(BaseModel):
    """One message and the text of its answer. `id` can be forgotten as a memory; `request_id` names a kept result."""

    id: UUID
    request_id: UUID
    message: str
    response: str
    agent: Optional[str] = None
    at: datetime
    complete: bool = Field(description="Whether the model finished the answer.")


class ConversationAnswer(ConversationSummary):
    """A conversation with a page of its exchanges, newest first."""

    exchanges: list[ExchangeAnswer]
    next: Optional[str] = Field(default=None, description="Cursor of older exchanges; left out on the last page.")


class ForgottenConversation(BaseModel):
    """What forgetting a conversation removed and changed. Lists have at most 1000 ids."""

    id: str
    counts: dict[MemoryTier, int] = Field(description="Removed items by tier of memory; `episodic` counts exchanges.")
    restored: Sequence[UUID] = Field(description="Preferences whose earlier value counts again.")
    redacted: Sequence[UUID] = Field(description="Exchanges that stay without the sentences about a preference.")
    mentioned: Sequence[UUID] = Field(
        description="Exchanges of other conversations that stay although they mention what was forgotten."
    )


_REFUSALS: Final = {
    401: "No valid access token.",
    500: "The server failed.",
    503: "The database can't be reached, or the server has no memory.",
}
_NOT_FOUND: Final = {404: "No conversation of this user has this id."}
_ID_PATH: Final = "/api/v1/conversations/{conversation_id}"
LIST: Final = Operation(
    method="GET",
    path="/api/v1/conversations",
    name="list_conversations",
    summary="List the user's conversations",
    description="The conversation with the newest message comes first.",
    tag="conversations",
    query=PAGED,
    authenticated=True,
    answers={200: Answer("A page of conversations.", ConversationList)},
    refusals={**_REFUSALS, **BAD_PAGE},
)
READ: Final = Operation(
    method="GET",
    path=_ID_PATH,
    name="read_conversation",
    summary="Read a conversation",
    description="Its newest exchanges come first. They have the answers' text; `GET /api/v1/requests/{request_id}` has"
    " the other blocks as long as the result is kept.",
    tag="conversations",
    query=PAGED,
    authenticated=True,
    answers={200: Answer("The conversation with a page of its exchanges.", ConversationAnswer)},
    refusals={**_REFUSALS, **_NOT_FOUND, **BAD_PAGE},
)
RENAME: Final = Operation(
    method="PATCH",
    path=_ID_PATH,
    name="rename_conversation",
    summary="Rename a conversation",
    tag="conversations",
    body=TitleBody,
    authenticated=True,
    answers={200: Answer("The conversation with its new title.", ConversationSummary)},
    refusals={
        **_REFUSALS,
        **_NOT_FOUND,
        408: "The body did not arrive in time.",
        413: "The body is too large.",
        415: "The Content-Type is not application/json.",
        422: "The title is empty or too long.",
    },
)
FORGET: Final = Operation(
    method="DELETE",
    path=_ID_PATH,
    name="forget_conversation",
    summary="Forget a conversation",
    description="Removes its exchanges and its title, what was learned from them, and exchanges of other"
    " conversations in which the person says only the same. A request of it that still runs is not stored.",
    tag="conversations",
    authenticated=True,
    answers={200: Answer("The conversation is removed permanently.", ForgottenConversation)},
    refusals={**_REFUSALS, **_NOT_FOUND},
)
OPERATIONS: Final = (LIST, READ, RENAME, FORGET)


def conversation_routes(services: RestServices) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("conversations", __name__)

    refuse_users_without_key(routes)

    @routes.route(LIST.path, methods=[LIST.method])
    async def list_conversations() -> Response:
        memory, user_id = await memory_owner(services)
        page = await memory.conversations.page(user_id, page_limit(), page_position())
        found = [_summary(one) for one in page.items]
        return json_response(ConversationList(conversations=found, next=next_cursor(page.next)))

    @routes.route(rule_of(READ, conversation_id="name"), methods=[READ.method])
    async def read_conversation(conversation_id: str) -> Response:
        memory, user_id = await memory_owner(services)
        limit, position = page_limit(), page_position(uuids=True)
        found = await _found(memory, user_id, conversation_id)
        page = await memory.conversations.exchanges(user_id, found.id, limit, position)
        exchanges = [ExchangeAnswer.model_validate(one, from_attributes=True) for one in page.items]
        summary = _summary(found).model_dump()
        return json_response(ConversationAnswer(**summary, exchanges=exchanges, next=next_cursor(page.next)))

    @routes.route(rule_of(RENAME, conversation_id="name"), methods=[RENAME.method])
    async def rename_conversation(conversation_id: str) -> Response:
        memory, user_id = await memory_owner(services)
        title = clean_title((await read_body(TitleBody)).title)
        if not 0 < len(title) <= MAX_TITLE_CHARS:
            message = f"title: it has {len(title)} visible characters; it needs 1 to {MAX_TITLE_CHARS}."
            raise ApiError(422, "invalid_body", message)
        key = conversation_key(conversation_id)
        if key is None or not await memory.conversations.rename(user_id, key, title):
            raise _unknown()
        return json_response(_summary(await _found(memory, user_id, key)))

    @routes.route(rule_of(FORGET, conversation_id="name"), methods=[FORGET.method])
    async def forget_conversation(conversation_id: str) -> Response:
        memory, user_id = await memory_owner(services)
        # Its first exchange may still run. It is not stored when it ends, so the conversation is forgotten too.
        runs = services.requests is not None and services.requests.runs_in(user_id, conversation_id)
        forgotten = await memory.forget_conversation(user_id, conversation_id)
        if not forgotten and not runs:
            raise _unknown()
        answer = ForgottenConversation(
            id=conversation_id,
            counts=forgotten.counts,
            restored=forgotten.restored[:MAX_LISTED],
            redacted=forgotten.redacted[:MAX_LISTED],
            mentioned=forgotten.mentioned[:MAX_LISTED],
        )
        return json_response(answer)

    return routes


async def _found(memory: MemoryMiddleware, user_id: UUID, conversation_id: str) -> Conversation:
    """Raises `ApiError` 404."""
    key = conversation_key(conversation_id)
    found = None if key is None else await memory.conversations.read(user_id, key)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> ApiError:
    return ApiError(404, _UNKNOWN, "No conversation of this user has this id.")


def _summary(one: Conversation) -> ConversationSummary:
    return ConversationSummary(
        id=one.id,
        title=one.title,
        last_message_at=one.last_message_at,
        count=one.exchanges,
        kind="popup" if one.popup else "home",
    )
