"""Changes that can't be recorded in the database: no server says afterwards that nothing was changed."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from streaming.wire import ErrorCode
from tests.server.kept.test_requests import Servers
from tests.server.kept.test_requests import servers as servers  # noqa: PLC0414 - a fixture


@pytest.mark.parametrize("alone", [True, False])
async def test_a_change_that_cannot_be_recorded_is_made_only_if_no_other_server_runs(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """Another server that reaches the database would say that nothing was changed, and that a retry is safe."""
    one, other, chat = servers.open(alone=alone), servers.open(), servers.chat
    assert await one.claim(chat, 60) == "claimed"

    async def away(*_: object, **__: object) -> bool:
        raise psycopg.OperationalError("connection lost")

    with monkeypatch.context() as broken:
        broken.setattr(servers.answers, "changing", away)
        assert await one.changing(chat) is alone
    servers.lost.add(one._server_id)
    assert await servers.state(other) == ("failed", ErrorCode.SERVER_LOST, True)


async def test_a_change_of_a_request_that_was_admitted_without_the_database_is_recorded(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, chat = servers.open(), servers.open(), servers.chat

    async def away(*_: object, **__: object) -> bool:
        raise psycopg.OperationalError("connection lost")

    with monkeypatch.context() as broken:
        broken.setattr(servers.answers, "claim", away)
        assert await one.claim(chat, 60) == "unknown"
    assert await one.changing(chat)
    servers.lost.add(one._server_id)
    assert await servers.state(other) == ("failed", ErrorCode.SERVER_LOST, False)
    # An id that another server took into use meanwhile belongs to that one's request.
    servers.chat = replace(chat, request_id=uuid4())
    with monkeypatch.context() as broken:
        broken.setattr(servers.answers, "claim", away)
        assert await one.claim(servers.chat, 60) == "unknown"
    assert await other.claim(servers.chat, 60) == "claimed"
    assert not await one.changing(servers.chat)
