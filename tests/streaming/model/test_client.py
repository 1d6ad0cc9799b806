"""The client of model calls sends a streamed request without the steps that a model call does not need."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import pytest

from streaming.model.chat_model import open_http_client
from tests.model_server import Head, ModelServer, text_stream


@pytest.fixture
def no_steps_of_httpx(monkeypatch: pytest.MonkeyPatch) -> None:
    def unwanted(*args: Any, **kwargs: Any) -> None:
        pytest.fail("httpx's own send was used")

    for name in ("_send_handling_auth", "_send_handling_redirects", "_send_single_request"):
        monkeypatch.setattr(httpx.AsyncClient, name, unwanted)


@pytest.mark.usefixtures("no_steps_of_httpx")
@pytest.mark.parametrize("status", [200, 302, 401])
async def test_a_streamed_response_is_returned_whatever_its_status_is(server: ModelServer, status: int) -> None:
    server.reply([Head(status=status, headers={"Location": "/elsewhere"}), *text_stream("One")])
    async with open_http_client() as client:
        request = client.build_request("POST", f"{server.url}/chat/completions", content=b"{}")
        response = await client.send(request, stream=True)
        assert response.status_code == status
        assert response.request is request
        assert b"One" in await response.aread()
        assert response.is_closed
    with pytest.raises(RuntimeError, match="closed"):
        await client.send(request, stream=True)


async def test_other_requests_are_sent_as_by_httpx(server: ModelServer) -> None:
    server.reply(text_stream("One"), text_stream("Two"))
    async with open_http_client() as client:
        whole = await client.post(f"{server.url}/chat/completions", content=b"{}")
        assert "One" in whole.text
        async with client.stream("POST", f"{server.url}/chat/completions", content=b"{}", auth=None) as streamed:
            assert b"Two" in await streamed.aread()


def test_the_private_name_of_httpx_exists() -> None:
    assert list(inspect.signature(httpx.AsyncClient._transport_for_url).parameters) == ["self", "url"]
