"""Model calls through a real SOCKS proxy, as the environment names it."""

from __future__ import annotations

import pytest
import trio

from streaming.chat import ChatRequest, ContentDelta, Message
from streaming.model.chat_model import ChatModel, HttpTransport, ModelConfig, open_http_client
from tests.model_server import open_model_server, text_stream
from tests.streaming.http.socks import open_socks_server

REQUEST = ChatRequest((Message("user", "hello"),))


@pytest.mark.parametrize("transport", ["httptools", "httpx"])
@pytest.mark.parametrize("scheme", ["socks", "socks5", "socks5h"])
async def test_a_model_call_goes_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch, transport: HttpTransport, scheme: str
) -> None:
    """The proxy resolves the model's name. A model on this machine is called directly."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    async with open_socks_server() as proxy, trio.open_nursery() as nursery, open_model_server(nursery) as server:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:pass@127.0.0.1:{proxy.port}")
        server.reply(text_stream("Good ", "morning"), text_stream("Good ", "morning"))
        port = int(server.url.split(":")[2].removesuffix("/v1"))
        async with open_http_client(transport) as client:
            for url in (server.url.replace("127.0.0.1", "model.example"), server.url):
                async with ChatModel(client, ModelConfig(name="m", url=url)).stream(REQUEST) as batches:
                    said = [delta.text async for batch in batches for delta in batch if isinstance(delta, ContentDelta)]
                assert "".join(said) == "Good morning"
    assert proxy.targets == [("model.example", port)]
    assert proxy.logins == [("user", "pass")]
