"""FastAPI over LangChain's ChatOpenAI."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

from fastapi import FastAPI
from langchain_openai import ChatOpenAI

from bench.peers.chat_socket import chat_routes

model = ChatOpenAI(model="bench", base_url=os.environ["BENCH_MODEL_URL"], api_key="none")


async def tokens(message: str) -> AsyncIterator[str]:
    async for chunk in model.astream(message):
        if text := chunk.text:
            yield text


app = FastAPI()
app.include_router(chat_routes(tokens))
