"""Cross-origin use of the REST routes (CORS), only for pages of the origins in the settings."""

from __future__ import annotations

from typing import Final

from quart import Response, request
from quart_trio import QuartTrio

from server.net import AllowedOrigins

_METHODS: Final = "GET, POST, PUT, PATCH, DELETE"
_REQUEST_HEADERS: Final = "Authorization, Content-Type"
_EXPOSED: Final = "Retry-After, X-Request-Id"
_PREFLIGHT_AGE_S: Final = "600"


def install_cors(app: QuartTrio, origins: AllowedOrigins) -> None:
    """Answer preflights, and add CORS headers for allowed origins. Credentials are not shared: cookies are not used."""

    @app.before_request
    async def preflight() -> Response | None:
        asked = "Access-Control-Request-Method" in request.headers and request.method == "OPTIONS"
        if not asked or not origins.shares_with(request.headers.get("Origin")):
            return None
        return Response(
            "",
            204,
            {
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Allow-Headers": _REQUEST_HEADERS,
                "Access-Control-Max-Age": _PREFLIGHT_AGE_S,
            },
        )

    @app.after_request
    async def share(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin is not None and origins.shares_with(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
            response.headers.add("Vary", "Origin")
        return response
