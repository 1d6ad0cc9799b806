"""The route that shows the administrator what is running now."""

from __future__ import annotations

import hmac
from typing import Final

from quart import Blueprint, Response, request

from server.peers import LiveServers
from server.rest.errors import ApiError, json_response
from server.rest.openapi import Answer, Operation
from server.rest.services import RestServices

TASKS: Final = Operation(
    method="GET",
    path="/debug/tasks",
    name="debug_tasks",
    summary="Show running sockets, requests and tool calls",
    description=(
        "Sockets, their requests and tool calls, with ages and states and without contents; with `?trio=true` also the"
        " names of Trio's tasks. Needs the token of TESSERA_ADMIN_TOKEN as bearer token; without that setting the"
        " path answers 404."
    ),
    tag="operations",
    authenticated=True,
    answers={200: Answer("The live tree of every worker.", LiveServers)},
    refusals={401: "The bearer token is not that of TESSERA_ADMIN_TOKEN.", 404: "TESSERA_ADMIN_TOKEN is not set."},
)
OPERATIONS: Final = (TASKS,)


def debug_routes(services: RestServices) -> Blueprint:
    """The routes of this module."""
    routes = Blueprint("debug", __name__)

    @routes.route(TASKS.path, methods=[TASKS.method])
    async def tasks() -> Response:
        if services.admin_token is None or services.overview is None:
            raise ApiError(404, "not_found", "Nothing is at this path. GET /openapi.json lists all paths.")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expected = services.admin_token.get_secret_value().encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected):
            raise ApiError(
                401,
                "unauthorized",
                "This path needs the administrator's bearer token (TESSERA_ADMIN_TOKEN).",
                headers={"WWW-Authenticate": "Bearer"},
            )
        with_trio = request.args.get("trio", "").lower() in {"1", "true", "yes"}
        return json_response(await services.overview.tasks(with_trio=with_trio))

    return routes
