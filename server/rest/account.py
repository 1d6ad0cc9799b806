"""`/api/v1/account` and `/api/v1/devices`: the user's password, devices, and the deletion of the account."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr
from quart import Blueprint, Response

from memory import NoSuchUser
from server.accounts import BadCredentials, HashSource, NoSuchDevice
from server.rest.auth import CONFIG, NewPassword, Password
from server.rest.auth_errors import refuse_bad_credentials
from server.rest.auth_limits import AuthLimits
from server.rest.bodies import authenticated_user, read_body
from server.rest.errors import ApiError, json_response, unauthorized
from server.rest.openapi import Answer, Operation, rule_of
from server.rest.services import RestServices
from streaming.wire import ErrorCode

_CLOSING_S: Final = 60.0
"""If the server stops during the deletion of an account, its owner can log in again after this time."""


class PasswordBody(BaseModel):
    """The present password and the new one."""

    model_config = CONFIG

    password: Password
    new_password: NewPassword


class DeleteAccountBody(BaseModel):
    """The password. A user of the identity provider has none here and leaves it out."""

    model_config = CONFIG

    password: Annotated[SecretStr, Field(max_length=1024)] = SecretStr("")


class PasswordAnswer(BaseModel):
    """The password is changed. All other logins have ended."""

    changed: bool = True


class DeviceAnswer(BaseModel):
    """A device. `logins`: the number of logins that belong to it."""

    device_id: UUID
    name: str
    version: str
    platform: str
    created_at: datetime
    last_seen_at: datetime
    logins: int


class DevicesAnswer(BaseModel):
    """The user's devices that are not revoked, the one that was seen last first."""

    devices: list[DeviceAnswer]


class RevokedAnswer(BaseModel):
    """The device is revoked: its socket is closed, and its logins have ended."""

    device_id: UUID


class DeletionReceipt(BaseModel):
    """The signed receipt of the deletion. It is not kept: nothing of the account is."""

    receipt: str = Field(description="JSON: the removed rows, and the time. The signature is of exactly this text.")
    signature: str = Field(description="Ed25519, in base64.")
    public_key: str = Field(description="The key that checks the signature, in base64.")


_REFUSALS: Final = {401: "No valid access token.", 500: "The server failed.", 503: "The database can't be reached."}
_BODY: Final = {
    408: "The body did not arrive in time.",
    413: "The body is too large.",
    415: "The Content-Type is not application/json.",
    422: "The body is malformed.",
    429: "Too many attempts; see Retry-After.",
}
CHANGE_PASSWORD: Final = Operation(
    method="POST",
    path="/api/v1/account/password",
    name="change_password",
    summary="Change the password; all other logins end",
    tag="account",
    body=PasswordBody,
    authenticated=True,
    answers={200: Answer("The password is changed.", PasswordAnswer)},
    refusals={
        **_REFUSALS,
        **_BODY,
        401: "No valid access token, or the password is wrong.",
        422: "The body is malformed, or the new password is too easy to guess.",
    },
)
DELETE_ACCOUNT: Final = Operation(
    method="DELETE",
    path="/api/v1/account",
    name="delete_account",
    summary="Delete the account and everything that is stored of the user",
    tag="account",
    body=DeleteAccountBody,
    authenticated=True,
    answers={200: Answer("The account is deleted. All sockets are closed with 4501.", DeletionReceipt)},
    refusals={**_REFUSALS, **_BODY, 401: "No valid access token, or the password is wrong."},
)
DEVICES: Final = Operation(
    method="GET",
    path="/api/v1/devices",
    name="list_devices",
    summary="List the devices of the user",
    tag="account",
    authenticated=True,
    answers={200: Answer("The devices.", DevicesAnswer)},
    refusals=_REFUSALS,
)
REVOKE_DEVICE: Final = Operation(
    method="DELETE",
    path="/api/v1/devices/{device_id}",
    name="revoke_device",
    summary="Revoke a device: end its logins and close its socket",
    tag="account",
    authenticated=True,
    answers={200: Answer("The device is revoked.", RevokedAnswer)},
    refusals={**_REFUSALS, 404: "The user has no such device."},
)
OPERATIONS: Final = (CHANGE_PASSWORD, DELETE_ACCOUNT, DEVICES, REVOKE_DEVICE)


def account_routes(services: RestServices, limits: AuthLimits) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("account", __name__)
    refuse_bad_credentials(routes)

    @routes.route(CHANGE_PASSWORD.path, methods=[CHANGE_PASSWORD.method])
    async def change_password() -> Response:
        user = await authenticated_user(services)
        body = await read_body(PasswordBody)
        await limits.by_user(user.user_id)
        try:
            ended = await services.accounts.change_password(
                user.user_id,
                body.password.get_secret_value(),
                body.new_password.get_secret_value(),
                services.logins,
                keep=user.login_id,
                source=HashSource(str(user.user_id), known=True),
            )
        except BadCredentials:
            raise _wrong_password() from None
        await services.end_access(ended)
        return json_response(PasswordAnswer())

    @routes.route(DELETE_ACCOUNT.path, methods=[DELETE_ACCOUNT.method])
    async def delete_account() -> Response:
        user = await authenticated_user(services)
        body = await read_body(DeleteAccountBody)
        await limits.by_user(user.user_id)
        if services.memory is None:
            raise ApiError(503, ErrorCode.MEMORY_UNAVAILABLE, "Memory is not available on this server.", retryable=True)
        try:
            password = body.password.get_secret_value()
            await services.accounts.check(user.user_id, password, HashSource(str(user.user_id), known=True))
        except BadCredentials:
            raise _wrong_password() from None
        # Nobody gets in any more, every server closes the sockets and ends the requests; then the rows go.
        await services.end_access(await services.accounts.close(user.user_id, _CLOSING_S))
        try:
            signed = await services.memory.delete_account(user.user_id)
        except NoSuchUser as error:  # another request was faster
            raise unauthorized(str(error)) from None
        return json_response(
            DeletionReceipt(
                receipt=signed.text,
                signature=base64.b64encode(signed.signature).decode(),
                public_key=base64.b64encode(signed.public_key).decode(),
            )
        )

    @routes.route(DEVICES.path, methods=[DEVICES.method])
    async def devices() -> Response:
        user = await authenticated_user(services)
        found = await services.logins.devices(user.user_id)
        listed = [DeviceAnswer.model_validate(one, from_attributes=True) for one in found]
        return json_response(DevicesAnswer(devices=listed))

    @routes.route(rule_of(REVOKE_DEVICE), methods=[REVOKE_DEVICE.method])
    async def revoke(device_id: str) -> Response:
        user = await authenticated_user(services)
        try:
            named = UUID(device_id)
            ended = await services.logins.revoke_device(user.user_id, named)
        except (ValueError, NoSuchDevice):
            raise ApiError(404, "unknown_device", str(NoSuchDevice())) from None
        await services.end_access(ended)
        return json_response(RevokedAnswer(device_id=named))

    return routes


def _wrong_password() -> ApiError:
    return unauthorized("The password is wrong.", code="bad_credentials")
