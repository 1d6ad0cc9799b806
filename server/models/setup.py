"""Which models the server calls: those of the settings, or the demo model, served by ourselves on loopback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import httpx
import trio

from agents.model import Model, Models
from demo.serve import DemoConfig, serve_demo_model
from server.models.places import BoundedModel
from server.net import serve_rest
from server.settings import PREFIX, DialectName, FallbackModel, Settings
from server.telemetry import Metrics, ModelUse, TracedModel, answered_by
from streaming.dialects import DIALECTS, OpenAIChat, fitted, is_reasoning_model
from streaming.model import ChatModel, CircuitBreaker, FailoverModel, ModelConfig, RetryPolicy
from streaming.wire import ErrorCode

# As the GenAI conventions name them; a compatible server is told by its dialect.
_PROVIDERS: Final[Mapping[DialectName, str]] = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "anthropic-messages": "anthropic",
    "gemini-native": "gcp.gemini",
}
_DEMO_NAME: Final = "tessera-demo"


@dataclass(frozen=True, slots=True)
class OpenModels:
    """The models, and how the banner names them."""

    models: Models
    description: str
    memory: Model | None = None
    """The model that describes exchanges for memory, when the settings name one."""
    resting: Callable[[], bool] = lambda: False
    """Whether every model that answers is left alone by its breaker."""

    async def fault(self) -> str | None:
        """None when a model may be called, for `/readyz`; none is called to find out."""
        return "every model has failed lately and is left alone for a while" if self.resting() else None


async def open_models(
    settings: Settings, client: httpx.AsyncClient, nursery: trio.Nursery, metrics: Metrics
) -> OpenModels:
    """The models of the settings. Without any, the demo model is started in `nursery` and called like any other."""
    dialect = DIALECTS[settings.model_dialect]
    if settings.model_url is not None and settings.model_name is not None:
        url, name = settings.model_url, settings.model_name
        description = f"{name} at {url}"
    else:
        demo = DemoConfig(
            pace_s=settings.demo_pace_s, replay=settings.demo_replay, replay_chunk=settings.demo_replay_chunk
        )
        url, name = await nursery.start(partial(serve_demo_model, demo, serve_rest)), _DEMO_NAME
        dialect = OpenAIChat(sends_metadata=True)
        description = f"demo, rules instead of a language model; set {PREFIX}MODEL_URL to use a real one"
        if settings.demo_replay is not None:
            description = f"demo, replaying {settings.demo_replay}"
    first = ModelConfig(
        name=name,
        url=url,
        key=settings.model_key,
        dialect=dialect,
        connect_timeout_s=settings.model_connect_timeout_s,
        first_token_timeout_s=settings.model_first_token_timeout_s,
        idle_timeout_s=settings.model_idle_timeout_s,
        structured_output=settings.model_structured_output,
        keepalive=settings.model_keepalive,
    )
    if settings.fallback_models:
        description += ", then " + ", ".join(fallback.name for fallback in settings.fallback_models)
    places = trio.CapacityLimiter(settings.max_model_calls)

    failing_over: dict[ModelUse, FailoverModel] = {}

    def model(use: ModelUse, *configs: ModelConfig) -> Model:
        configs = tuple(_fitted(settings, config) for config in configs)
        providers = [_provider(settings, place) for place in range(len(configs))]

        def begun(place: int) -> None:
            answered_by(configs[place].name, providers[place])

        failing_over[use] = _failing_over(settings, client, configs, partial(metrics.model_failed, use), begun)
        bounded = BoundedModel(failing_over[use], places, settings.model_call_wait_s)
        if settings.otlp_endpoint is None:
            return bounded
        return TracedModel(bounded, configs[0].name, providers[0])

    answer = model("answer", first, *(_fallback(first, fallback) for fallback in settings.fallback_models))
    router = answer
    if settings.router_model_name is not None:
        # Without the fallbacks: the local classifier stands in for a router that fails.
        router = model("router", replace(first, name=settings.router_model_name))
    memory = None
    if settings.memory_model_name is not None:
        memory = model("memory", replace(first, name=settings.memory_model_name))
    metrics.watch_models(
        lambda: [(use, name, state) for use, one in failing_over.items() for name, state in one.states()],
        lambda: int(places.borrowed_tokens),
    )

    def resting() -> bool:
        return all(state == "open" for _, state in failing_over["answer"].states())

    return OpenModels(Models(answer=answer, router=router), description, memory, resting)


def _provider(settings: Settings, place: int) -> str:
    """Whose the model is that is asked at `place`; those after the first are the fallbacks."""
    dialect: DialectName = settings.model_dialect
    if place > 0 and settings.fallback_models[place - 1].url is not None:
        dialect = settings.fallback_models[place - 1].dialect or "openai-chat"
    return _PROVIDERS[dialect]


def _fallback(first: ModelConfig, fallback: FallbackModel) -> ModelConfig:
    if fallback.url is None:
        return replace(first, name=fallback.name)
    dialect = DIALECTS[fallback.dialect or "openai-chat"]
    return replace(first, name=fallback.name, url=fallback.url, key=fallback.key, dialect=dialect)


def _fitted(settings: Settings, config: ModelConfig) -> ModelConfig:
    """`config` in the dialect that its model understands, which the models of one provider may differ in."""
    said = settings.model_reasoning
    # What was said of the model of the settings tells nothing of others.
    reasoning = (
        said == "yes" if said != "auto" and config.name == settings.model_name else is_reasoning_model(config.name)
    )
    return replace(config, dialect=fitted(config.dialect, reasoning=reasoning))


def _failing_over(
    settings: Settings,
    client: httpx.AsyncClient,
    configs: Sequence[ModelConfig],
    on_fault: Callable[[str, ErrorCode], None],
    on_begun: Callable[[int], None],
) -> FailoverModel:
    return FailoverModel(
        [ChatModel(client, config) for config in configs],
        retry=RetryPolicy(settings.model_attempts, max_retry_after_s=settings.model_max_retry_after_s),
        new_breaker=lambda: CircuitBreaker(settings.model_breaker_failures, settings.model_breaker_open_s),
        on_fault=on_fault,
        on_begun=on_begun,
    )
