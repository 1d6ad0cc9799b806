"""What runs now, for an administrator."""

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
    summary="What the server is doing now",
    description=(
        "Sockets, their requests and tool calls, with ages and states and without contents; with `?trio=true` also the"
        " names of Trio's tasks. For the administrator's token (TESSERA_ADMIN_TOKEN) as bearer; without that setting"
        " there is nothing here."
    ),
    tag="operations",
    authenticated=True,
    answers={200: Answer("The live tree of every worker.", LiveServers)},
    refusals={401: "Not the administrator's token.", 404: "The server has no administrator's token."},
)
OPERATIONS: Final = (TASKS,)


def debug_routes(services: RestServices) -> Blueprint:
    """The routes of this file."""
    routes = Blueprint("debug", __name__)

    @routes.route(TASKS.path, methods=[TASKS.method])
    async def tasks() -> Response:
        if services.admin_token is None or services.overview is None:
            raise ApiError(404, "not_found", "There is nothing at this path; GET /openapi.json lists what there is.")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expected = services.admin_token.get_secret_value().encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), expected):
            raise ApiError(
                401, "unauthorized", "This is for the administrator's token.", headers={"WWW-Authenticate": "Bearer"}
            )
        with_trio = request.args.get("trio", "").lower() in {"1", "true", "yes"}
        return json_response(await services.overview.tasks(with_trio=with_trio))

    return routes
