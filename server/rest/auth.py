"""The routes for registration, login, refresh and logout, which a device uses before its first `device_hello`."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from quart import Blueprint, Response
from werkzeug.exceptions import HTTPException

from server.accounts import (
    BadCredentials,
    Email,
    EmailTaken,
    HashSource,
    LoginTokens,
    RefreshTokenInvalid,
    RefreshTokenReused,
    check_password,
    normalise_email,
)
from server.rest.auth_errors import refuse_bad_credentials
from server.rest.auth_limits import AuthLimits
from server.rest.bodies import authenticated_user, client_address, read_body
from server.rest.errors import ApiError, json_response, unauthorized
from server.rest.openapi import Answer, Operation
from server.rest.services import RestServices

MIN_PASSWORD_CHARS: Final = 8
MAX_PASSWORD_CHARS: Final = 1024
_MAX_SECRET_CHARS: Final = 200

Address = Annotated[
    Email, Field(max_length=320, json_schema_extra={"format": "email"}), AfterValidator(normalise_email)
]
Password = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD_CHARS)]
NewPassword = Annotated[SecretStr, Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]
ShortSecret = Annotated[SecretStr, Field(max_length=_MAX_SECRET_CHARS)]
CONFIG: Final = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class LoginBody(BaseModel):
    """An e-mail address and its password.

    `device_id`: the installation's id, so that the list of devices shows what belongs to the login. `device_token`:
    from an earlier login of this device, so that guesses by others do not lock it out.
    """

    model_config = CONFIG

    email: Address
    password: Password
    device_id: UUID | None = None
    device_token: ShortSecret | None = None


class RegisterBody(LoginBody):
    """A new account. The password has at least 8 characters and is neither the address nor a common password.

    `invite`: required if the server registers only with an invite. `code`: from the mail, if the server verifies e-mail
    addresses; a request without it has the mail sent.
    """

    password: NewPassword
    invite: ShortSecret | None = None
    code: ShortSecret | None = None


class RefreshBody(BaseModel):
    """The refresh token of the last answer. It can be used once."""

    model_config = CONFIG

    refresh_token: ShortSecret
    device_id: UUID | None = None


class LogoutBody(BaseModel):
    """The refresh token of the login that ends."""

    model_config = CONFIG

    refresh_token: ShortSecret


class TokenAnswer(BaseModel):
    """`access_token` is for `device_hello` and `Authorization: Bearer`; it is valid for `expires_in` seconds.

    `refresh_token` gives the next tokens, once, within `refresh_expires_in` seconds.
    """

    user_id: UUID
    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class LoginAnswer(TokenAnswer):
    """`device_token`: keep it, and send it with the next login of this device."""

    device_token: str


class VerificationAnswer(BaseModel):
    """A mail was sent to the address, whether or not it has an account. Register again with the `code` in it."""

    verification: str = "sent"


class LogoutAnswer(BaseModel):
    """Access has ended: the sockets are closed, and the access tokens are refused."""

    logged_out: bool = True


_REFUSALS: Final = {
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The Content-Type is not application/json.",
    422: "The body is malformed.",
    429: "Too many attempts from this network address or for this e-mail address; see Retry-After.",
    500: "The server failed.",
    503: "The database can't be reached, or too many logins wait.",
}
REGISTER: Final = Operation(
    method="POST",
    path="/api/v1/auth/register",
    name="register",
    summary="Create an account",
    tag="auth",
    body=RegisterBody,
    answers={
        201: Answer("The account is created.", LoginAnswer),
        202: Answer("The server verifies e-mail addresses, and a mail was sent.", VerificationAnswer),
    },
    refusals={
        **_REFUSALS,
        403: "Registration is off, or the invite or the code from the mail is not valid.",
        409: "An account with this e-mail address exists already.",
        422: "The body is malformed, or the password is too easy to guess.",
    },
)
LOGIN: Final = Operation(
    method="POST",
    path="/api/v1/auth/login",
    name="login",
    summary="Get an access token and a refresh token",
    tag="auth",
    body=LoginBody,
    answers={200: Answer("Logged in.", LoginAnswer)},
    refusals={**_REFUSALS, 401: "The e-mail address or the password is wrong."},
)
REFRESH: Final = Operation(
    method="POST",
    path="/api/v1/auth/refresh",
    name="refresh",
    summary="Get new tokens for a refresh token",
    description="A refresh token that was used before ends its login. Only the token before the last one may be used"
    " again for a minute, as long as the last one was not used: its answer may have been lost.",
    tag="auth",
    body=RefreshBody,
    answers={200: Answer("New tokens.", TokenAnswer)},
    refusals={**_REFUSALS, 401: "The refresh token is not valid, or was used before."},
)
LOGOUT: Final = Operation(
    method="POST",
    path="/api/v1/auth/logout",
    name="logout",
    summary="End the login of a refresh token",
    tag="auth",
    body=LogoutBody,
    answers={200: Answer("The login has ended.", LogoutAnswer)},
    refusals={**_REFUSALS, 401: "The refresh token is not valid."},
)
LOGOUT_ALL: Final = Operation(
    method="POST",
    path="/api/v1/auth/logout-all",
    name="logout_all",
    summary="End all logins of the user",
    tag="auth",
    authenticated=True,
    answers={200: Answer("All logins have ended.", LogoutAnswer)},
    refusals={401: "No valid access token.", 500: "The server failed.", 503: "The database can't be reached."},
)
OPERATIONS: Final = (REGISTER, LOGIN, REFRESH, LOGOUT, LOGOUT_ALL)


def auth_routes(services: RestServices, limits: AuthLimits) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("auth", __name__)
    refuse_bad_credentials(routes)
    logins, registration = services.logins, services.registration

    def answer(tokens: LoginTokens, email: Email, status: int) -> Response:
        body = LoginAnswer(**_fields(tokens), device_token=services.codes.device_token(email))
        return json_response(body, status)

    @routes.route(REGISTER.path, methods=[REGISTER.method])
    async def register() -> Response:
        await limits.by_address(client_address(services))
        body = await read_body(RegisterBody)
        await limits.by_email(body.email, None)
        if registration.mode == "off":
            raise ApiError(403, "registration_off", "This server does not register accounts. Ask its operator for one.")
        password = body.password.get_secret_value()
        check_password(password, body.email)
        await limits.by_signup(client_address(services))
        code = body.code.get_secret_value() if body.code is not None else None
        invite = registration.invite(body.invite.get_secret_value() if body.invite is not None else "")
        if not await registration.is_verified(body.email, code, services.accounts, invite=invite):
            return json_response(VerificationAnswer(), 202)
        try:
            user_id = await services.accounts.register(
                body.email,
                password,
                invite=invite,
                source=HashSource(client_address(services)),
            )
        except EmailTaken as error:
            raise ApiError(409, "email_taken", str(error)) from None
        return answer(await logins.begin(user_id, body.device_id), body.email, 201)

    @routes.route(LOGIN.path, methods=[LOGIN.method])
    async def login() -> Response:
        # A device that has logged in before is not limited by its address, so the body is read first.
        try:
            body = await read_body(LoginBody)
        except (ApiError, HTTPException):
            await limits.by_address(client_address(services))
            raise
        token = body.device_token.get_secret_value() if body.device_token is not None else ""
        device = services.codes.known_device(token, body.email)
        if device is None:
            await limits.by_address(client_address(services))
        await limits.by_email(body.email, device)
        try:
            source = HashSource(client_address(services)) if device is None else HashSource(device, known=True)
            user_id = await services.accounts.login(body.email, body.password.get_secret_value(), source)
            tokens = await logins.begin(user_id, body.device_id)
        except (BadCredentials, RefreshTokenInvalid):
            raise unauthorized(str(BadCredentials()), code="bad_credentials") from None
        return answer(tokens, body.email, 200)

    _add_refresh_routes(routes, services, limits)
    return routes


def _add_refresh_routes(routes: Blueprint, services: RestServices, limits: AuthLimits) -> None:
    logins = services.logins

    @routes.route(REFRESH.path, methods=[REFRESH.method])
    async def refresh() -> Response:
        await limits.refreshes(client_address(services))
        body = await read_body(RefreshBody)
        try:
            tokens = await logins.refresh(body.refresh_token.get_secret_value(), body.device_id)
        except RefreshTokenReused as error:
            await services.end_access(error.ended)
            raise unauthorized(str(error), code="refresh_token_reused") from None
        except RefreshTokenInvalid as error:
            raise unauthorized(str(error), code="refresh_token_invalid") from None
        return json_response(TokenAnswer(**_fields(tokens)))

    @routes.route(LOGOUT.path, methods=[LOGOUT.method])
    async def logout() -> Response:
        await limits.refreshes(client_address(services))
        body = await read_body(LogoutBody)
        try:
            ended = await logins.end_by_token(body.refresh_token.get_secret_value())
        except RefreshTokenInvalid as error:
            raise unauthorized(str(error), code="refresh_token_invalid") from None
        await services.end_access(ended)
        return json_response(LogoutAnswer())

    @routes.route(LOGOUT_ALL.path, methods=[LOGOUT_ALL.method])
    async def logout_all() -> Response:
        user = await authenticated_user(services)
        await services.end_access(await logins.end_all(user.user_id))
        return json_response(LogoutAnswer())


def _fields(tokens: LoginTokens) -> dict[str, object]:
    return {
        "user_id": tokens.user_id,
        "access_token": tokens.access_token,
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "refresh_expires_in": tokens.refresh_expires_in,
    }
