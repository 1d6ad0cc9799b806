"""Reads a request: its JSON body, validated once, its authenticated user and its network address."""

from __future__ import annotations

from typing import TypeVar

import trio
from pydantic import BaseModel, ValidationError
from quart import request

from server.accounts import AccessEnded, AuthenticatedUser, ProviderUnavailable, TokenExpired, TokenInvalid
from server.net import address_key
from server.rest.errors import ApiError, rate_limited, unauthorized
from server.rest.services import RestServices
from streaming.wire import MAX_VALUES, has_too_many_values, well_formed_json

_NOT_JSON = "The body is not valid JSON."
M = TypeVar("M", bound=BaseModel)


async def read_body(model: type[M]) -> M:
    """The current request's body as `model`.

    Raises `ApiError`: 415 when it is not sent as JSON, 422 with a sentence that names the field, never its value.
    Werkzeug's 413 and 408 come out as they are. Unpaired surrogates in the body become U+FFFD, as in a device's frames.
    """
    if request.mimetype != "application/json":
        raise ApiError(415, "unsupported_media_type", "Send the body with Content-Type: application/json.")
    data: bytes = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    try:
        text = data.decode()
        if has_too_many_values(text):
            raise ApiError(413, "body_too_large", f"The body has more than {MAX_VALUES} JSON values.")
        return model.model_validate_json(well_formed_json(text))
    except UnicodeDecodeError:
        raise ApiError(422, "invalid_body", _NOT_JSON) from None
    except ValidationError as error:
        raise ApiError(422, "invalid_body", _sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return _NOT_JSON
    path = ".".join(str(part) for part in first["loc"]) or "the body"
    return f"{path}: {first['msg'].removeprefix('Value error, ').removesuffix('.')}."


async def authenticated_user(services: RestServices) -> AuthenticatedUser:
    """The user who sent the current request. Raises `ApiError` 401 with a challenge that says what is wrong.

    Also raises the database's errors.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthorized(
            "This request needs the header Authorization: Bearer with an access token. Log in to get one."
        )
    try:
        user = await services.authenticator.authenticate(token.strip())
    except TokenExpired as error:
        challenge = 'error="invalid_token", error_description="expired"'
        raise unauthorized(f"{error} Log in again.", code="token_expired", challenge=challenge) from None
    except ProviderUnavailable as error:
        raise ApiError(503, "identity_provider_unavailable", str(error), retryable=True) from None
    except AccessEnded:
        message = "This access has ended: the login, its device or the account does not exist any more. Log in again."
        raise unauthorized(message, challenge='error="invalid_token"') from None
    except TokenInvalid as error:
        raise unauthorized(f"{error} Log in again.", challenge='error="invalid_token"') from None
    if wait_s := await services.user_rate.take(str(user.user_id)):
        await trio.sleep(services.limits.refused_late_s)
        raise rate_limited(wait_s)
    return user


def client_address(services: RestServices) -> str:
    """The rate-limit key of the current request's network address; see `address_key`.

    A forwarding header only counts if a trusted proxy sent it.
    """
    client = request.scope.get("client")
    peer = str(client[0]) if client else ""
    return address_key(services.proxies.client_of(peer, request.headers.getlist(services.proxies.header_name)))
