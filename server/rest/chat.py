"""`POST /api/v1/chat`: the answer pipeline without a socket, as one JSON body or as server-sent events."""

from __future__ import annotations

from typing import Final, Literal, Self, cast
from uuid import UUID, uuid4

import structlog
from pydantic import ConfigDict, Field, model_validator
from quart import Blueprint, Response, request

from person import StatedLocale, language_tag
from server.requests import ChatInput
from server.rest.bodies import authenticated_user, read_body
from server.rest.chat_answer import AnswerCollector, ChatAnswer
from server.rest.connection import RestRequest
from server.rest.errors import ChatErrorBody, ChatFailed, json_response
from server.rest.openapi import Answer, Operation
from server.rest.services import RestServices
from server.rest.sse import sse_response
from streaming.chat import Message
from streaming.wire import ConversationFields, History, ServerFrame, WsLocale, WsScope

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"


class ChatBody(ConversationFields):
    """A chat request. `scope` is what a popup was opened on; mode popup requires it, and mode home forbids it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    message: str = Field(min_length=1)
    conversation_history: History = Field(default_factory=list)
    mode: Literal["home", "popup"] = "home"
    scope: WsScope | None = None
    device_id: UUID | None = Field(
        default=None, description="The device that runs the tools; without it, the one that connected last."
    )
    request_id: UUID | None = Field(
        default=None,
        description="Idempotency key: a request that is sent again with it is not run again, and gets the same answer.",
    )

    locale: WsLocale | None = Field(
        default=None,
        description="The person's locale. Without `language`, the header Accept-Language counts. Without it, the locale"
        " of the device that runs the tools counts, then the preferences in memory, then UTC.",
    )

    @model_validator(mode="after")
    def _scope_fits_mode(self) -> Self:
        if (self.mode == "popup") != (self.scope is not None):
            raise ValueError("mode popup needs a scope, and mode home must have none")
        return self

    def to_input(self, user_id: UUID, accepted_language: str | None = None) -> ChatInput:
        """The request. `accepted_language` is the first one of the header Accept-Language."""
        locales = [] if self.locale is None else [self.locale.stated("request")]
        if accepted_language is not None:
            locales.append(StatedLocale("accept_language", language=accepted_language))
        return ChatInput(
            request_id=self.request_id or uuid4(),
            user_id=user_id,
            message=self.message,
            mode=self.mode,
            history=tuple(Message(turn.role, turn.content) for turn in self.conversation_history),
            scope=self.scope,
            conversation_id=self.conversation,
            device_id=self.device_id,
            locales=tuple(locales),
        )


CHAT: Final = Operation(
    method="POST",
    path="/api/v1/chat",
    name="chat",
    summary="Ask the agents",
    description=(
        "Responds with JSON when the answer is complete. With `Accept: text/event-stream` it streams the answer: the"
        " `data` of each event is a server frame of the device protocol, `event` its type and `id` its `seq`; the last"
        " one is `stream_end`. Tools run on the user's connected device. Closing the connection cancels the request."
    ),
    tag="chat",
    body=ChatBody,
    authenticated=True,
    answers={200: Answer("The answer.", ChatAnswer, (EVENT_STREAM,))},
    refusals={
        401: "No valid access token.",
        404: "The device does not have the item that the scope names.",
        408: "The body did not arrive in time.",
        409: "This request_id belongs to another message, or runs at another server, or its answer is no longer kept.",
        413: "The body or the message is too long.",
        415: "The Content-Type is not application/json.",
        422: "The body is malformed.",
        429: "This user has too many running requests, or has used the daily limit of tokens.",
        500: "The server failed.",
        502: "The model failed.",
        503: "The model or the server is busy or not available, or the request was cancelled.",
        504: "The model or the whole request took too long.",
    },
    error_models={404: ChatErrorBody, 500: ChatErrorBody, 502: ChatErrorBody, 503: ChatErrorBody, 504: ChatErrorBody},
)
OPERATIONS: Final = (CHAT,)


def _accepted_language() -> str | None:
    """The language that the header Accept-Language prefers, if it names one. Malformed and refused ones don't count."""
    accepted = (language_tag(str(tag)) for tag, quality in request.accept_languages if quality > 0)
    return next(filter(None, accepted), None)


def chat_routes(services: RestServices) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("chat", __name__)

    @routes.route(CHAT.path, methods=[CHAT.method])
    async def chat() -> Response:
        user = await authenticated_user(services)
        body = await read_body(ChatBody)
        chat_input = body.to_input(user.user_id, _accepted_language())
        structlog.contextvars.bind_contextvars(request_id=str(chat_input.request_id))
        if request.accept_mimetypes.best_match([JSON, EVENT_STREAM], default=JSON) == EVENT_STREAM:
            nursery = cast("RestRequest", request).nursery
            keep_alive_s = services.limits.sse_keep_alive_s
            return await sse_response(services.chat, chat_input, nursery, keep_alive_s=keep_alive_s)
        collector = AnswerCollector()

        async def emit(frame: ServerFrame) -> None:
            collector.add(frame)

        end = await services.chat.run(chat_input, emit=emit)
        if end.status != "completed":
            raise ChatFailed(end, collector.blocks)
        return json_response(collector.answer(end))

    return routes
