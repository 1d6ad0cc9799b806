"""Gives a route the nursery of the HTTP request that it answers."""

from __future__ import annotations

import trio
from hypercorn.typing import ASGISendCallable
from quart import Request
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers import TrioRequest


class RestRequest(TrioRequest):
    """A request whose `nursery` ends with it.

    Tasks that a route starts there outlive the route and serve the response's body. They are cancelled when the
    client disconnects, and when the response has been sent.
    """

    nursery: trio.Nursery


class RestConnection(TrioASGIHTTPConnection):
    """quart-trio runs each request in its own nursery; this class gives the request a reference to it."""

    def _create_request_from_scope(self, send: ASGISendCallable) -> Request:
        try:
            return super()._create_request_from_scope(send)
        except ValueError:
            # The target is not a URL, such as `http://[/`. As a path it matches no route.
            self.scope["path"] = "/" + self.scope["path"]
            return super()._create_request_from_scope(send)

    async def handle_request(  # type: ignore[override]  # quart-trio overrides it with the same nursery parameter
        self, nursery: trio.Nursery, request: Request, send: ASGISendCallable
    ) -> None:
        if isinstance(request, RestRequest):
            request.nursery = nursery
        await super().handle_request(nursery, request, send)
