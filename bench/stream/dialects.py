"""The protocols of the targets' sockets: Tessera's, and the peers' (bench/peers/chat_socket.py)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Heard:
    """One frame: `ready`, a piece of an answer, the end of an answer, or something else. `status` is the outcome."""

    kind: Literal["ready", "text", "end", "other"]
    request_id: str = ""
    text: str = ""
    status: str = ""


class SocketDialect(Protocol):
    """The frames of one target, as the load client writes and reads them."""

    path: str

    def hello(self) -> str | None:
        """The first frame; None if the socket needs no first frame."""
        ...

    def ask(self, request_id: str, message: str) -> str: ...

    def cancel(self, request_id: str) -> str: ...

    def read(self, frame: bytes) -> Heard: ...


class TesseraSocket:
    """The device protocol, version 3; all devices belong to one person."""

    path = "/api/v1/ws/device"

    def __init__(self, token: str) -> None:
        self._token = token

    def hello(self) -> str:
        client = {"name": "bench", "version": "1", "platform": "linux"}
        hello = {"type": "device_hello", "token": self._token, "device_id": str(uuid4()), "client": client}
        return json.dumps({**hello, "protocol_versions": [3]})

    def ask(self, request_id: str, message: str) -> str:
        return json.dumps({"type": "home_request", "request_id": request_id, "message": message})

    def cancel(self, request_id: str) -> str:
        return json.dumps({"type": "cancel", "request_id": request_id})

    def read(self, frame: bytes) -> Heard:
        value = json.loads(frame)
        match value["type"]:
            case "stream_text":
                return Heard("text", value["request_id"], value["chunk"])
            case "stream_end":
                return Heard("end", value["request_id"], status=value["status"])
            case "device_ready":
                return Heard("ready")
            case "error" if value["code"] == "unknown_request":
                pass  # the answer ended while its cancel was on the way
            case "error":
                raise RuntimeError(f"Tessera refused: {value['code']}: {value['message']}")
        return Heard("other")


class PeerSocket:
    """The protocol of the peers: text as it comes, without blocks, sequence numbers or sessions."""

    path = "/ws"

    def hello(self) -> None:
        return None

    def ask(self, request_id: str, message: str) -> str:
        return json.dumps({"type": "chat", "request_id": request_id, "message": message})

    def cancel(self, request_id: str) -> str:
        return json.dumps({"type": "cancel", "request_id": request_id})

    def read(self, frame: bytes) -> Heard:
        value = json.loads(frame)
        if value["type"] == "text":
            return Heard("text", value["request_id"], value["text"])
        return Heard("end", value["request_id"], status=value["status"])
