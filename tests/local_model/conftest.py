"""Fixtures: a small real language model, the whole server with it, and all frames that the devices receive."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import jsonschema
import pytest
from cryptography.fernet import Fernet

from client.terminal.connection import Connection
from streaming.wire.schema import json_schema
from tests.local_model.process import LocalModel, model_file, running_model
from tests.local_model.relay import Relay, open_relay
from tests.server.tessera import Tessera, open_tessera

House = tuple[Tessera, Relay]
OpenHouse = Callable[..., AbstractAsyncContextManager[House]]

# Long timeouts: a small machine reads a few dozen tokens per second, and a request may wait for a slot.
PATIENCE_S = 600


@pytest.fixture(scope="session")
def local_model() -> Iterator[LocalModel]:
    """The model server, for the whole session."""
    file = model_file()
    if file is None:
        pytest.skip("no local model is installed; `make test-model` installs one")
    with running_model(file) as model:
        yield model


@pytest.fixture
def open_house(database: str, received: dict[Connection, list[str]]) -> OpenHouse:
    """Opens the server with a model, by default with the settings that a small llama.cpp server needs."""

    # One key, because a test may open the server twice on one database.
    key = Fernet.generate_key().decode()

    @asynccontextmanager
    async def open_house(model: LocalModel, **settings: Any) -> AsyncIterator[House]:
        defaults = {
            "model_name": "smollm2",
            "model_shape": "hosted",
            "master_keys": key,
            "model_keepalive": "false",
            "model_structured_output": "true",
            "max_tool_rounds": 0,  # the model's chat template does not support tools
            "repair_timeout_s": 0,
            "model_max_output_tokens": 48,
            "model_first_token_timeout_s": PATIENCE_S,
            "model_idle_timeout_s": PATIENCE_S,
            "request_timeout_s": PATIENCE_S,
            "router_timeout_s": PATIENCE_S,
        }
        async with (
            open_relay(model.url) as relay,
            open_tessera(database, **(defaults | {"model_url": relay.url} | settings)) as tessera,
        ):
            yield tessera, relay

    return open_house


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[Connection, list[str]]]:
    """The frames that each device connection received; checked against the protocol at the end of the test."""
    frames: dict[Connection, list[str]] = defaultdict(list)
    receive_raw = Connection.receive_raw

    async def receive_and_keep(connection: Connection) -> str:
        text = await receive_raw(connection)
        frames[connection].append(text)
        return text

    monkeypatch.setattr(Connection, "receive_raw", receive_and_keep)
    yield frames
    for texts in frames.values():
        check_frames([json.loads(text) for text in texts])


def check_frames(frames: list[dict[str, Any]]) -> None:
    """Check one socket's frames: valid, numbered from 1, and no frame of a request after its `stream_end`."""
    schema = {"$ref": "#/$defs/ServerFrame", "$defs": json_schema()["$defs"]}
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for frame in frames:
        validator.validate(frame)
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    by_request: dict[str, list[str]] = defaultdict(list)
    for frame in frames:
        if frame["type"] in {"stream_start", "popup_domain", "stream_text", "stream_block", "stream_end"}:
            by_request[frame["request_id"]].append(frame["type"])
    for types in by_request.values():
        assert types[0] in {"stream_start", "popup_domain"} or types == ["stream_end"]  # cancelled before it began
        assert "stream_end" not in types[:-1]
