"""The answers to errors of accounts that several routes raise."""

from __future__ import annotations

from quart import Blueprint, Response

from server.accounts import EmailCodeRefused, EmailNotSent, HashingBusy, InviteRefused, PasswordRefused
from server.rest.errors import ApiError, json_response

_RETRY_AFTER_S = "5"


def refuse_bad_credentials(routes: Blueprint) -> None:
    """Answer the errors of accounts on these routes."""

    @routes.errorhandler(PasswordRefused)
    async def password_refused(error: PasswordRefused) -> Response:
        return _answer(ApiError(422, "password_refused", str(error)))

    @routes.errorhandler(InviteRefused)
    async def invite_refused(error: InviteRefused) -> Response:
        return _answer(ApiError(403, "invite_refused", str(error)))

    @routes.errorhandler(EmailCodeRefused)
    async def code_refused(error: EmailCodeRefused) -> Response:
        return _answer(ApiError(403, "code_refused", str(error)))

    @routes.errorhandler(EmailNotSent)
    async def not_sent(error: EmailNotSent) -> Response:
        return _answer(ApiError(503, "email_unavailable", str(error), retryable=True))

    @routes.errorhandler(HashingBusy)
    async def busy(error: HashingBusy) -> Response:
        headers = {"Retry-After": _RETRY_AFTER_S}
        return _answer(ApiError(503, "login_busy", str(error), retryable=True, headers=headers))


def _answer(error: ApiError) -> Response:
    return json_response(error.body(), error.status, error.headers)
