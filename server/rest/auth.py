"""The routes for registration and login, which a device uses before its first `device_hello`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from quart import Blueprint, Response

from server.accounts import BadCredentials, Email, EmailTaken, normalise_email
from server.net import RateLimiter
from server.rest.bodies import client_address, read_body
from server.rest.errors import ApiError, json_response, rate_limited, unauthorized
from server.rest.openapi import Answer, Operation
from server.rest.services import RestServices

MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_CHARS: Final = 1024


Address = Annotated[
    Email, Field(max_length=320, json_schema_extra={"format": "email"}), AfterValidator(normalise_email)
]


class LoginBody(BaseModel):
    """An e-mail address and its password."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    email: Address
    password: SecretStr = Field(min_length=1, max_length=MAX_PASSWORD_CHARS)


class RegisterBody(LoginBody):
    """A new account. The only rule for the password is its length."""

    password: SecretStr = Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)


class TokenAnswer(BaseModel):
    """`access_token` is for `device_hello` and `Authorization: Bearer`; it is valid for `expires_in` seconds."""

    user_id: UUID
    access_token: str
    expires_in: int


_REFUSALS: Final = {
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The Content-Type is not application/json.",
    422: "The body is malformed.",
    429: "Too many attempts from this network address or for this e-mail address; see Retry-After.",
    500: "The server failed.",
    503: "The database can't be reached.",
}
REGISTER: Final = Operation(
    method="POST",
    path="/api/v1/auth/register",
    name="register",
    summary="Create an account",
    tag="auth",
    body=RegisterBody,
    answers={201: Answer("The account is created.", TokenAnswer)},
    refusals={**_REFUSALS, 409: "An account with this e-mail address exists already."},
)
LOGIN: Final = Operation(
    method="POST",
    path="/api/v1/auth/login",
    name="login",
    summary="Get an access token",
    tag="auth",
    body=LoginBody,
    answers={200: Answer("Logged in.", TokenAnswer)},
    refusals={**_REFUSALS, 401: "The e-mail address or the password is wrong."},
)
OPERATIONS: Final = (REGISTER, LOGIN)


def auth_routes(services: RestServices, clock: Callable[[], float]) -> Blueprint:
    """The routes of this module. `clock` is monotonic, in seconds."""
    routes = Blueprint("auth", __name__)
    limits = services.limits
    by_address = RateLimiter(limits.auth_address_rate_per_s, limits.auth_address_burst)
    by_email = RateLimiter(limits.auth_email_rate_per_s, limits.auth_email_burst)

    def limit(limiter: RateLimiter, key: str) -> None:
        if wait_s := limiter.take(key, clock()):
            raise rate_limited(wait_s)

    def token_response(user_id: UUID, status: int) -> Response:
        token, expires_in = services.tokens.issue(user_id)
        answer = TokenAnswer(user_id=user_id, access_token=token, expires_in=expires_in)
        return json_response(answer, status)

    @routes.route(REGISTER.path, methods=[REGISTER.method])
    async def register() -> Response:
        limit(by_address, client_address())
        body = await read_body(RegisterBody)
        limit(by_email, body.email)
        try:
            user_id = await services.accounts.register(body.email, body.password.get_secret_value())
        except EmailTaken as error:
            raise ApiError(409, "email_taken", str(error)) from None
        return token_response(user_id, 201)

    @routes.route(LOGIN.path, methods=[LOGIN.method])
    async def login() -> Response:
        limit(by_address, client_address())
        body = await read_body(LoginBody)
        limit(by_email, body.email)
        try:
            user_id = await services.accounts.login(body.email, body.password.get_secret_value())
        except BadCredentials as error:
            raise unauthorized(str(error), code="bad_credentials") from None
        return token_response(user_id, 200)

    return routes
