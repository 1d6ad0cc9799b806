"""One WebSocket with several simultaneous answers: a task for each, cancelled by the client's frame or disconnect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

Tokens = Callable[[str], AsyncIterator[str]]
"""Turns a message into the pieces of its answer."""


def chat_routes(tokens: Tokens) -> APIRouter:
    """`/ws`: `{"type": "chat", "request_id", "message"}` and `{"type": "cancel", "request_id"}` in, text out."""
    routes = APIRouter()

    @routes.websocket("/ws")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        running: dict[str, asyncio.Task[None]] = {}

        async def answer(request_id: str, message: str) -> None:
            status = "completed"
            try:
                async for text in tokens(message):
                    await socket.send_text(json.dumps({"type": "text", "request_id": request_id, "text": text}))
            except asyncio.CancelledError:
                status = "cancelled"
            finally:
                del running[request_id]
            await socket.send_text(json.dumps({"type": "end", "request_id": request_id, "status": status}))

        try:
            while True:
                frame = json.loads(await socket.receive_text())
                request_id = frame["request_id"]
                if frame["type"] == "chat":
                    running[request_id] = asyncio.create_task(answer(request_id, frame["message"]))
                elif request_id in running:
                    running[request_id].cancel()
        except WebSocketDisconnect:
            pass
        finally:
            for task in running.values():
                task.cancel()

    return routes
