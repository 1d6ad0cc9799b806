"""`/api/v1/account/address`: a guest account gets an address and a password."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from pydantic import BaseModel
from quart import Blueprint, Response

from server.accounts import EmailTaken, HashSource, NoGuest, check_password, is_guest
from server.rest.auth import CONFIG, Address, NewPassword, ShortSecret, VerificationAnswer
from server.rest.auth_errors import refuse_bad_credentials
from server.rest.auth_limits import AuthLimits
from server.rest.bodies import authenticated_user, client_address, read_body
from server.rest.errors import ApiError, json_response
from server.rest.openapi import Answer, Operation
from server.rest.services import RestServices


class AddressBody(BaseModel):
    """The address and the password that the account gets. `invite` and `code`: as in a registration."""

    model_config = CONFIG

    email: Address
    password: NewPassword
    invite: ShortSecret | None = None
    code: ShortSecret | None = None


class AddressAnswer(BaseModel):
    """The account has the address. `device_token`: keep it, and send it with the next login of this device."""

    user_id: UUID
    email: str
    device_token: str


NAME_GUEST: Final = Operation(
    method="POST",
    path="/api/v1/account/address",
    name="name_guest",
    summary="Give a guest account an address and a password",
    description="A guest account has an address of the form guest-...@guest. Its data, logins and tokens stay.",
    tag="account",
    body=AddressBody,
    authenticated=True,
    answers={
        200: Answer("The account has the address and the password.", AddressAnswer),
        202: Answer("The server verifies e-mail addresses, and a mail was sent.", VerificationAnswer),
    },
    refusals={
        401: "No valid access token.",
        403: "Registration is off, or the invite or the code from the mail is not valid.",
        408: "The body did not arrive in time.",
        409: "The account is not a guest account, or another account has this e-mail address.",
        413: "The body is too large.",
        415: "The Content-Type is not application/json.",
        422: "The body is malformed, or the password is too easy to guess.",
        429: "Too many attempts; see Retry-After.",
        500: "The server failed.",
        503: "The database can't be reached, or too many logins wait.",
    },
)
OPERATIONS: Final = (NAME_GUEST,)


def guest_routes(services: RestServices, limits: AuthLimits) -> Blueprint:
    """The routes of this module. They refuse what a registration refuses."""
    routes = Blueprint("guest", __name__)
    refuse_bad_credentials(routes)
    registration = services.registration

    @routes.route(NAME_GUEST.path, methods=[NAME_GUEST.method])
    async def name_guest() -> Response:
        user = await authenticated_user(services)
        await limits.by_address(client_address(services))
        body = await read_body(AddressBody)
        await limits.by_user(user.user_id)
        await limits.by_email(body.email, None)
        if registration.mode == "off":
            raise ApiError(403, "registration_off", "This server does not register accounts. Ask its operator for one.")
        if is_guest(body.email):
            raise ApiError(422, "invalid_body", "email: guest-...@guest is the form of guest accounts.")
        password = body.password.get_secret_value()
        check_password(password, body.email)
        try:
            await services.accounts.guest_credentials(user.user_id)  # no mail for an account that can't be named
            code = body.code.get_secret_value() if body.code is not None else None
            invite = registration.invite(body.invite.get_secret_value() if body.invite is not None else "")
            if not await registration.is_verified(body.email, code, services.accounts, invite=invite):
                return json_response(VerificationAnswer(), 202)
            await services.accounts.name_guest(
                user.user_id,
                body.email,
                password,
                invite=invite,
                source=HashSource(str(user.user_id), known=True),
            )
        except NoGuest as error:
            raise ApiError(409, "no_guest", str(error)) from None
        except EmailTaken:
            message = "Another account has this e-mail address. Choose a different address."
            raise ApiError(409, "email_taken", message) from None
        token = services.codes.device_token(body.email)
        return json_response(AddressAnswer(user_id=user.user_id, email=body.email, device_token=token))

    return routes
