"""The quart-trio application: combines the routes, and logs and counts each request."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final
from uuid import uuid4

import structlog
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.routing import BaseConverter

from server.rest import account as accounts
from server.rest import auth, chat, conversations, debug, guest, memory, ops, requests
from server.rest.auth_limits import AuthLimits
from server.rest.connection import RestConnection, RestRequest
from server.rest.cors import install_cors
from server.rest.errors import ApiError, install_error_handlers
from server.rest.openapi import Operation, openapi_document
from server.rest.playground import playground_routes
from server.rest.services import RestServices

log = structlog.get_logger(__name__)

OPERATIONS: Final[tuple[Operation, ...]] = (
    *auth.OPERATIONS,
    *accounts.OPERATIONS,
    *guest.OPERATIONS,
    *chat.OPERATIONS,
    *requests.OPERATIONS,
    *conversations.OPERATIONS,
    *memory.OPERATIONS,
    *ops.OPERATIONS,
    *debug.OPERATIONS,
)
_RESPONSE_TIMEOUT_S: Final = 30.0


class NameConverter(BaseConverter):
    """A name chosen by a person, at the end of a path: any characters, including slashes."""

    regex = ".*"
    part_isolating = False


class RestApp(QuartTrio):
    """Gives each request the nursery it runs in. Uses no cookies, and serves no files except the playground's."""

    request_class = RestRequest
    asgi_http_class = RestConnection


def build_app(services: RestServices) -> QuartTrio:
    """The application on `services`. Its only state is its rate limits, so a process may build several."""
    app = RestApp("server.rest", static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=services.limits.max_body_bytes,
        BODY_TIMEOUT=services.limits.body_timeout_s,
        RESPONSE_TIMEOUT=_RESPONSE_TIMEOUT_S,
    )
    # A path with a doubled slash is another path. A redirect would be a response without the JSON error body.
    app.url_map.merge_slashes = False
    app.url_map.converters["name"] = NameConverter
    install_error_handlers(app)
    limits = AuthLimits(services.limits, services.make_limit)
    app.register_blueprint(auth.auth_routes(services, limits))
    app.register_blueprint(accounts.account_routes(services, limits))
    app.register_blueprint(guest.guest_routes(services, limits))
    app.register_blueprint(chat.chat_routes(services))
    app.register_blueprint(requests.request_routes(services))
    app.register_blueprint(conversations.conversation_routes(services))
    app.register_blueprint(memory.memory_routes(services))
    app.register_blueprint(debug.debug_routes(services))
    app.register_blueprint(ops.ops_routes(services, lambda: openapi_document(OPERATIONS, version=_version())))
    if services.playground is not None:
        app.register_blueprint(playground_routes(services.playground))
    install_cors(app, services.origins)

    @app.before_request
    async def bind_request_id() -> None:
        # Each request runs in its own task, so the binding ends with the request.
        structlog.contextvars.bind_contextvars(http_request_id=uuid4().hex)
        if not services.hosts.allows(request.headers.get("Host", "")):
            message = "The server does not answer to this host name: TESSERA_ALLOWED_HOSTS does not list it."
            raise ApiError(421, "wrong_host", message)

    @app.after_request
    async def account(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule is not None else None
        services.metrics.http_answered(request.method, route, response.status_code)
        log.debug("http_request", method=request.method, route=route, status=response.status_code)
        request_id = structlog.contextvars.get_contextvars().get("http_request_id")
        if request_id is not None:
            response.headers["X-Request-Id"] = request_id
        if services.worker is not None:
            response.headers["X-Tessera-Worker"] = str(services.worker)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    return app


def _version() -> str:
    try:
        return version("tessera-server")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
