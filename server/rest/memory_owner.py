"""The guard of every route that reads or changes a user's memory."""

from __future__ import annotations

from uuid import UUID

import structlog
from quart import Blueprint, Response

from memory import MemoryMiddleware, MissingKeyShare, NoSuchUser, NoUserKey, WrongMasterKey
from server.rest.bodies import authenticated_user
from server.rest.errors import ApiError, json_response, unauthorized
from server.rest.services import RestServices
from streaming.wire import ErrorCode

log = structlog.get_logger(__name__)


async def memory_owner(services: RestServices) -> tuple[MemoryMiddleware, UUID]:
    """The memory and the user who asks for it.

    Raises `ApiError` without a valid token, or if memory is not available.
    """
    user = await authenticated_user(services)
    if services.memory is None:
        raise ApiError(503, ErrorCode.MEMORY_UNAVAILABLE, "Memory is not available on this server.", retryable=True)
    return services.memory, user.user_id


def refuse_users_without_key(routes: Blueprint) -> None:
    """Answer 401 on these routes if the user of a valid token does not exist any more, and 503 if they have no key."""

    @routes.errorhandler(NoSuchUser)
    async def gone(error: NoSuchUser) -> Response:
        refusal = unauthorized(str(error))
        return json_response(refusal.body(), refusal.status, refusal.headers)

    @routes.errorhandler(NoUserKey)
    async def no_key(error: NoUserKey) -> Response:
        return _unavailable(str(error), retryable=False)

    # The start accepts a few keys that can't be read. The operator may have the key share or the master key.
    @routes.errorhandler(MissingKeyShare)
    @routes.errorhandler(WrongMasterKey)
    async def unreadable_key(error: MissingKeyShare | WrongMasterKey) -> Response:
        log.warning("memory_key_unreadable", reason=type(error).__name__)
        return _unavailable("The key of this account's memory can't be read on this server.", retryable=True)


def _unavailable(message: str, *, retryable: bool) -> Response:
    refusal = ApiError(503, ErrorCode.MEMORY_UNAVAILABLE, message, retryable=retryable)
    return json_response(refusal.body(), refusal.status, refusal.headers)
