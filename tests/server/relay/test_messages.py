"""Messages between servers survive encryption, and decrypt only under their own user and id."""

from __future__ import annotations

import secrets
from uuid import UUID, uuid4

import pytest

from server.relay.messages import (
    Announced,
    DeviceGoneMessage,
    ForDevice,
    FromDevice,
    Message,
    Replaced,
    Seal,
    StreamData,
    Unreadable,
)
from streaming.wire import (
    WsDataRequest,
    WsDataResponse,
    WsServerMutation,
    WsToolCall,
    WsToolCancel,
    WsToolError,
    WsToolResult,
)

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)
USER, MESSAGE_ID = uuid4(), uuid4()

CALL = WsToolCall(
    call_id=uuid4(),
    request_id=uuid4(),
    tool="delete_task",
    args={"id": "t1", "none": None, "ü": [1.5, {"deep": True}]},
    deadline_ms=30_000,
    requires_approval=True,
)
MESSAGES: list[Message] = [
    StreamData(stream_id=uuid4(), sender=uuid4(), number=3, data=bytes(range(256)), last=True),
    ForDevice(device_id=uuid4(), asker=uuid4(), within_s=30, frame=CALL),
    ForDevice(device_id=uuid4(), asker=uuid4(), within_s=30, frame=WsToolCancel(call_id=uuid4())),
    ForDevice(
        device_id=uuid4(),
        asker=uuid4(),
        within_s=1.5,
        frame=WsDataRequest(data_id=uuid4(), request_id=uuid4(), entity="task", id="t1"),
    ),
    FromDevice(frame=WsToolResult(call_id=uuid4(), ok=True, data={"items": [None, "x"]})),
    FromDevice(frame=WsToolResult(call_id=uuid4(), ok=True, edited_args={"id": "t2"})),
    FromDevice(frame=WsToolResult(call_id=uuid4(), ok=False, error=WsToolError(code="denied", message="No."))),
    FromDevice(frame=WsDataResponse(data_id=uuid4(), items=[{"id": "t1"}])),
    DeviceGoneMessage(id=uuid4()),
    Announced(frame=WsServerMutation(op="delete", entity="note", id="n1", origin_device_id=uuid4())),
    Replaced(device_id=uuid4(), connection_id=uuid4()),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_comes_out_as_it_went_in(message: Message) -> None:
    token = Seal([OLD]).close(USER, MESSAGE_ID, message)
    # A server with rotated master keys decrypts it too.
    assert Seal([NEW, OLD]).open(USER, MESSAGE_ID, token) == message
    assert b"delete_task" not in token


@pytest.mark.parametrize(("user_id", "message_id"), [(uuid4(), MESSAGE_ID), (USER, uuid4())])
def test_a_moved_message_does_not_open(user_id: UUID, message_id: UUID) -> None:
    seal = Seal([OLD])
    token = seal.close(USER, MESSAGE_ID, MESSAGES[0])
    with pytest.raises(Unreadable):
        seal.open(user_id, message_id, token)


def test_a_changed_message_or_another_key_does_not_open() -> None:
    token = Seal([OLD]).close(USER, MESSAGE_ID, MESSAGES[0])
    with pytest.raises(Unreadable):
        Seal([NEW]).open(USER, MESSAGE_ID, token)
    with pytest.raises(Unreadable):
        Seal([OLD]).open(USER, MESSAGE_ID, token[:-6] + b"AAAAAA")
