"""The guard of every route that reads or changes a user's memory."""

from __future__ import annotations

from uuid import UUID

from quart import Blueprint, Response

from memory import MemoryMiddleware, NoSuchUser
from server.rest.bodies import authenticated_user
from server.rest.errors import ApiError, json_response, unauthorized
from server.rest.services import RestServices
from streaming.wire import ErrorCode


async def memory_owner(services: RestServices) -> tuple[MemoryMiddleware, UUID]:
    """The memory and the user who asks for it.

    Raises `ApiError` without a valid token, or if memory is not available.
    """
    user = await authenticated_user(services)
    if services.memory is None:
        raise ApiError(503, ErrorCode.MEMORY_UNAVAILABLE, "Memory is not available on this server.", retryable=True)
    return services.memory, user.user_id


def refuse_deleted_users(routes: Blueprint) -> None:
    """Answer 401 on these routes if the user of a valid token does not exist any more."""

    @routes.errorhandler(NoSuchUser)
    async def gone(error: NoSuchUser) -> Response:
        refusal = unauthorized(str(error))
        return json_response(refusal.body(), refusal.status, refusal.headers)
