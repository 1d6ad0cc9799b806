"""FastAPI over httpx alone: lines of the stream, parsed with the standard library."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from bench.peers.chat_socket import chat_routes

URL = f"{os.environ['BENCH_MODEL_URL']}/chat/completions"
client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None), timeout=httpx.Timeout(60))


async def tokens(message: str) -> AsyncIterator[str]:
    body = {"model": "bench", "stream": True, "messages": [{"role": "user", "content": message}]}
    async with client.stream("POST", URL, json=body, headers={"Authorization": "Bearer none"}) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if not line.startswith("data: "):
                continue
            data = line[6:]
            if data == "[DONE]":
                return
            choices = json.loads(data)["choices"]
            if choices and (text := choices[0]["delta"].get("content")):
                yield text


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, object]]:
    async with client:
        yield {}


app = FastAPI(lifespan=lifespan)
app.include_router(chat_routes(tokens))
