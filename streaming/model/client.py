"""The HTTP client of model calls: httpx's, with only the parts of `send` that a streamed call needs."""

from __future__ import annotations

from typing import Final

import httpx
from httpx import USE_CLIENT_DEFAULT

_SET_COOKIE: Final = b"set-cookie"


class StreamingClient(httpx.AsyncClient):
    """An httpx client for calls without authentication, redirects and event hooks.

    httpx's `send` makes a generator for the authentication, objects of `urllib` and `email` to look for cookies, and a
    log line. That takes as long as sending the request. The model's key is a header of the request.
    """

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: httpx._types.AuthTypes | httpx._client.UseClientDefault | None = USE_CLIENT_DEFAULT,
        follow_redirects: bool | httpx._client.UseClientDefault = USE_CLIENT_DEFAULT,
    ) -> httpx.Response:
        """See `httpx.AsyncClient.send`. A streamed response is returned whatever its status is, as with httpx."""
        if not stream or self.is_closed or auth is not USE_CLIENT_DEFAULT or follow_redirects is not USE_CLIENT_DEFAULT:
            return await super().send(request, stream=stream, auth=auth, follow_redirects=follow_redirects)
        response = await self._transport_for_url(request.url).handle_async_request(request)
        response.request = request
        if any(name.lower() == _SET_COOKIE for name, _ in response.headers.raw):
            self.cookies.extract_cookies(response)
        return response
