"""FastAPI over the OpenAI SDK."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from fastapi import FastAPI
from openai import AsyncOpenAI

from bench.peers.chat_socket import chat_routes

client = AsyncOpenAI(base_url=os.environ["BENCH_MODEL_URL"], api_key="none")


async def tokens(message: str) -> AsyncIterator[str]:
    messages = [{"role": "user", "content": message}]
    async with await client.chat.completions.create(model="bench", messages=messages, stream=True) as stream:
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                yield text


app = FastAPI()
app.include_router(chat_routes(tokens))
