"""Which models the server calls: those of the settings, or the demo model, served by ourselves on loopback."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import httpx
import trio

from agents.model import Models
from server.demo.serve import DemoConfig, serve_demo_model
from server.settings import PREFIX, Settings
from streaming.dialects import DIALECTS
from streaming.llm import ChatModel, ModelConfig

_DEMO_NAME: Final = "tessera-demo"


@dataclass(frozen=True, slots=True)
class OpenModels:
    """The models, and how the banner names them."""

    models: Models
    description: str
    memory: ChatModel | None = None
    """The model that describes exchanges for memory, when the settings name one."""


async def open_models(settings: Settings, client: httpx.AsyncClient, nursery: trio.Nursery) -> OpenModels:
    """The models of the settings. Without any, the demo model is started in `nursery` and called like any other."""
    if settings.model_url is not None and settings.model_name is not None:
        url, name = settings.model_url, settings.model_name
        description = f"{name} at {url}"
    else:
        demo = DemoConfig(
            pace_s=settings.demo_pace_s, replay=settings.demo_replay, replay_chunk=settings.demo_replay_chunk
        )
        url, name = await nursery.start(partial(serve_demo_model, demo)), _DEMO_NAME
        description = f"demo, rules instead of a language model; set {PREFIX}MODEL_URL to use a real one"
        if settings.demo_replay is not None:
            description = f"demo, replaying {settings.demo_replay}"
    config = ModelConfig(
        name=name,
        url=url,
        key=settings.model_key,
        dialect=DIALECTS[settings.model_dialect],
        connect_timeout_s=settings.model_connect_timeout_s,
        first_token_timeout_s=settings.model_first_token_timeout_s,
        idle_timeout_s=settings.model_idle_timeout_s,
        structured_output=settings.model_structured_output,
        keepalive=settings.model_keepalive,
    )
    answer = ChatModel(client, config)
    router = answer
    if settings.router_model_name is not None:
        router = ChatModel(client, replace(config, name=settings.router_model_name))
    memory = None
    if settings.memory_model_name is not None:
        memory = ChatModel(client, replace(config, name=settings.memory_model_name))
    return OpenModels(Models(answer=answer, router=router), description, memory)
