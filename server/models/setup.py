"""Opens the models that the server calls: those of the settings, or else the demo model on loopback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import httpx
import trio
from pydantic import SecretStr

from agents.model import Model, Models
from agents.shapes import Disobedience, FixedShape, Shape
from demo.server import DemoConfig, serve_demo_model
from model_files import has_content
from server.local_model import (
    LOCAL_MODELS,
    LocalModel,
    LocalModelFailed,
    ServedModel,
    local_model_file,
    plan,
    serve_local_model,
    this_machine,
)
from server.models.limited_model import ChargedModel, LimitedModel
from server.models.probe import Obedience, is_small, probe, shape_of
from server.models.shape_keeper import ShapeKeeper, ShapeKeepers
from server.models.spending import TokenSpending
from server.models.traffic import Traffic
from server.net import serve_rest
from server.settings import PREFIX, DialectName, FallbackModel, Settings, SettingsError
from server.shared_limits import OwnPlaces, Places
from server.telemetry import Metrics, ModelUse, TracedModel, answered_by
from streaming.chat import Usage
from streaming.dialects import DIALECTS, Dialect, OpenAIChat, at_host, fitted, is_reasoning_model, is_self_hosted
from streaming.model import ChatModel, CircuitBreaker, FailoverModel, ModelConfig, ModelError, RetryPolicy
from streaming.wire import ErrorCode

# Names of the GenAI semantic conventions. A compatible server has the name of its dialect's provider.
_PROVIDERS: Final[Mapping[DialectName, str]] = {
    "openai-chat": "openai",
    "openai-responses": "openai",
    "anthropic-messages": "anthropic",
    "gemini-native": "gcp.gemini",
}
_DEMO_NAME: Final = "tessera-demo"
# /readyz is not ok for this many seconds after a timeout, so that a proxy then sends requests again.
_SHOWN_S: Final = 120.0
# A local model reads its prompt before its first byte, which takes minutes on a slow machine.
_SELF_HOSTED_FIRST_TOKEN_S: Final = 180.0
# A call to choose the agent would take seconds and evict the prompt that llama.cpp keeps. A repair would too.
_LOCAL_DEFAULTS: Final[Mapping[str, object]] = {
    "model_shape": "schema",
    "router_asks": "never",
    "model_structured_output": True,
    "repair_timeout_s": 60.0,
    # A small model that repeats itself must not hold its only slot for minutes.
    "model_max_output_tokens": 1024,
}


@dataclass(frozen=True, slots=True)
class OpenModels:
    """The opened models; `description` is for the banner."""

    models: Models
    description: str
    memory: Model | None = None
    """The model that summarises exchanges for memory, if the settings name one."""
    all_breakers_open: Callable[[], bool] = lambda: False
    """Whether the circuit breakers of all models that answer are open."""
    timeout: Callable[[], ModelError | None] = lambda: None
    """The timeout of the latest call of the model that answers, if it was recent and nothing was answered since."""
    local: ServedModel | None = None
    """The model on this machine, if requests have no fallback models."""
    shapes: ShapeKeepers | None = None
    """The request shapes of the first model and of the fallback models; None for the demo model."""

    def describe_shape(self) -> str | None:
        """The request shapes of the models for `/readyz`, and what their servers were found to obey."""
        return self.shapes.describe() if self.shapes is not None else None

    async def fault(self) -> str | None:
        """The check of `/readyz`: None if a model may be called. Calls no model."""
        if self.local is not None and not self.local.ready:
            return "the process of the local model has died and is being started again"
        if self.all_breakers_open():
            return "the circuit breaker of every model is open"
        late = self.timeout()
        if late is None:
            return None
        return f"the latest call had no answer within its time limit; if the model is slow, raise {late.setting}"


async def open_models(
    settings: Settings,
    client: httpx.AsyncClient,
    nursery: trio.Nursery,
    metrics: Metrics,
    local_models: Mapping[str, LocalModel] = LOCAL_MODELS,
    spending: TokenSpending | None = None,
    places: Places | None = None,
) -> OpenModels:
    """The models of the settings. If they name none, start the demo model in `nursery` and call it over HTTP.

    A model of `local_models` runs in a child process, also in `nursery`. `places`: of running calls; None: only this
    process counts them. Raises `LocalModelFailed` if the local model can't run.
    """
    dialect = DIALECTS[settings.model_dialect]
    key = settings.model_key
    served: ServedModel | None = None
    if settings.local_model is not None:
        local = _local_model(settings.local_model, local_models)
        fit = plan(local, this_machine())
        file = local_model_file(settings.state_dir, local)
        if not await trio.to_thread.run_sync(has_content, local.file, file):
            raise LocalModelFailed(f"{file} is missing or damaged: run `python -m server fetch-model {local.name}`")
        served = await nursery.start(partial(serve_local_model, local, file, fit))
        url, name, key = served.url, local.name, SecretStr(served.key)
        dialect = DIALECTS["openai-chat"]
        description = (
            f"{local.name} on this machine with llama.cpp ({fit.threads} thread{'s'[: fit.threads > 1]},"
            f" {fit.slots} request{'s'[: fit.slots > 1]} at a time, {fit.context_tokens} tokens); no key, no network"
        )
    elif settings.model_url is not None and settings.model_name is not None:
        url, name = settings.model_url, settings.model_name
        description = f"{name} at {url}"
    else:
        demo = DemoConfig(
            pace_s=settings.demo_pace_s, replay=settings.demo_replay, replay_chunk=settings.demo_replay_chunk
        )
        url, name = await nursery.start(partial(serve_demo_model, demo, serve_rest)), _DEMO_NAME
        dialect = OpenAIChat(sends_metadata=True)
        description = f"demo model (fixed rules, no language model); set {PREFIX}MODEL_URL to use a real one"
        if settings.demo_replay is not None:
            description = f"demo model, replaying {settings.demo_replay}"
    first = replace(_first(settings, name, url, dialect), key=key)
    if settings.fallback_models:
        description += ", then " + ", ".join(fallback.name for fallback in settings.fallback_models)
    shared_places = places or OwnPlaces(settings.max_model_calls)

    answering = [first, *(_fallback(first, fallback) for fallback in settings.fallback_models)]
    # The keepers of shapes share these, to see which model answers; they pass by the failover and its breakers.
    answerers = [ChatModel(client, _fitted(settings, config)) for config in answering]
    traffic = [Traffic() for _ in answering]
    keepers = _keepers(settings, answering, answerers, traffic, metrics.shape_disobeyed)

    failing_over: dict[ModelUse, FailoverModel] = {}

    def model(use: ModelUse, configs: Sequence[ModelConfig], models: Sequence[ChatModel]) -> Model:
        providers = [_provider(settings, index) for index in range(len(configs))]

        def begun(index: int) -> None:
            answered_by(configs[index].name, providers[index])

        shape_of = (lambda place: keepers[place].current) if keepers and use == "answer" else None
        on_fault = partial(metrics.model_failed, use)
        calls = traffic if use == "answer" else [Traffic() for _ in models]
        failing_over[use] = _failing_over(settings, shared_places, models, calls, on_fault, begun, shape_of)
        called: Model = failing_over[use]
        if spending is not None:
            called = ChargedModel(called, spending)
        return called if settings.otlp_endpoint is None else TracedModel(called, configs[0].name, providers[0])

    def single(use: ModelUse, name: str) -> Model:
        config = replace(first, name=name)
        return model(use, [config], [ChatModel(client, _fitted(settings, config))])

    answer = model("answer", answering, answerers)
    shapes = ShapeKeepers(keepers, lambda: failing_over["answer"].place) if keepers else None
    if shapes is not None:
        nursery.start_soon(shapes.run)
    router = answer
    if settings.router_model_name is not None:
        # No fallback models: if the router fails, the local classifier decides.
        router = single("router", settings.router_model_name)
    memory = None
    if settings.memory_model_name is not None:
        memory = single("memory", settings.memory_model_name)
    metrics.watch_models(
        lambda: [(use, name, state) for use, one in failing_over.items() for name, state in one.states()],
        lambda: shared_places.held,
    )

    def all_breakers_open() -> bool:
        return all(state == "open" for _, state in failing_over["answer"].states())

    local_alone = None if settings.fallback_models else served
    models = Models(answer=answer, router=router, shapes=shapes or FixedShape())
    late = partial(failing_over["answer"].timeout, _SHOWN_S)
    return OpenModels(models, description, memory, all_breakers_open, late, local_alone, shapes)


def _keepers(
    settings: Settings,
    configs: Sequence[ModelConfig],
    models: Sequence[ChatModel],
    traffic: Sequence[Traffic],
    on_disobeyed: Callable[[Shape, Disobedience], None],
) -> list[ShapeKeeper]:
    """The keepers of the shapes of the first model and of the fallback models, in this order; none of a demo model."""
    if settings.model_url is None and settings.local_model is None:
        return []
    wanted = (settings.model_shape, *(one.shape or settings.model_shape for one in settings.fallback_models))
    return [
        ShapeKeeper(model, setting, self_hosted=is_self_hosted(config.url), on_disobeyed=on_disobeyed, traffic=calls)
        for model, config, setting, calls in zip(models, configs, wanted, traffic, strict=True)
    ]


async def probe_model(settings: Settings, client: httpx.AsyncClient) -> tuple[str, Obedience, Shape]:
    """Probe the model of the settings: its description, what its server obeys, and the shape that follows.

    Raises `ModelError`, and `SettingsError` if the settings name no model.
    """
    if settings.model_url is None or settings.model_name is None:
        raise SettingsError([f"{PREFIX}MODEL_URL: must be set to probe a model"])
    config = _first(settings, settings.model_name, settings.model_url, DIALECTS[settings.model_dialect])
    obedience = await probe(ChatModel(client, _fitted(settings, config)), Usage())
    small = is_self_hosted(config.url) and is_small(config.name)
    return f"{config.name} at {config.url}", obedience, shape_of(obedience, small=small, guess="hosted")


def _first(settings: Settings, name: str, url: str, dialect: Dialect) -> ModelConfig:
    """The configuration of the first model. A self-hosted one has more time for its first token, unless it is set."""
    first_token_s = settings.model_first_token_timeout_s
    if is_self_hosted(url) and "model_first_token_timeout_s" not in settings.model_fields_set:
        first_token_s = max(first_token_s, _SELF_HOSTED_FIRST_TOKEN_S)
    return ModelConfig(
        name=name,
        url=url,
        key=settings.model_key,
        dialect=dialect,
        connect_timeout_s=settings.model_connect_timeout_s,
        first_token_timeout_s=first_token_s,
        idle_timeout_s=settings.model_idle_timeout_s,
        structured_output=settings.model_structured_output,
        keepalive=settings.model_keepalive,
    )


def with_local_model(settings: Settings) -> Settings:
    """`settings` with the values that a small model on this machine needs, where nothing else is set."""
    if settings.local_model is None:
        return settings
    update = {name: value for name, value in _LOCAL_DEFAULTS.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=update)


def _local_model(name: str, known: Mapping[str, LocalModel]) -> LocalModel:
    if name not in known:
        raise LocalModelFailed(f"{PREFIX}LOCAL_MODEL: there is no model {name}; known models are {', '.join(known)}")
    return known[name]


def _provider(settings: Settings, index: int) -> str:
    """The provider of the model at `index` in the order of failover; 0 is the first model, then the fallbacks."""
    dialect: DialectName = settings.model_dialect
    if index > 0 and settings.fallback_models[index - 1].url is not None:
        dialect = settings.fallback_models[index - 1].dialect or "openai-chat"
    return _PROVIDERS[dialect]


def _fallback(first: ModelConfig, fallback: FallbackModel) -> ModelConfig:
    if fallback.url is None:
        return replace(first, name=fallback.name)
    dialect = DIALECTS[fallback.dialect or "openai-chat"]
    return replace(first, name=fallback.name, url=fallback.url, key=fallback.key, dialect=dialect)


def _fitted(settings: Settings, config: ModelConfig) -> ModelConfig:
    """`config` with the dialect that its model understands; models of one provider may differ in it."""
    setting = settings.model_reasoning
    # The setting is about TESSERA_MODEL_NAME only.
    reasoning = (
        setting == "yes"
        if setting != "auto" and config.name == settings.model_name
        else is_reasoning_model(config.name)
    )
    return replace(config, dialect=at_host(fitted(config.dialect, reasoning=reasoning), config.url))


def _failing_over(
    settings: Settings,
    places: Places,
    models: Sequence[ChatModel],
    traffic: Sequence[Traffic],
    on_fault: Callable[[str, ErrorCode], None],
    on_begun: Callable[[int], None],
    shape_of: Callable[[int], Shape] | None,
) -> FailoverModel:
    return FailoverModel(
        [
            LimitedModel(model, places, settings.model_call_wait_s, calls)
            for model, calls in zip(models, traffic, strict=True)
        ],
        retry=RetryPolicy(settings.model_attempts, max_retry_after_s=settings.model_max_retry_after_s),
        new_breaker=lambda: CircuitBreaker(settings.model_breaker_failures, settings.model_breaker_open_s),
        on_fault=on_fault,
        on_begun=on_begun,
        shape_of=shape_of,
    )
