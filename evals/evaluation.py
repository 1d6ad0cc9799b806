"""A whole run: starts a server for each group of scenarios with the same settings, and runs their trials in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

import httpx

from evals.checks import judge
from evals.launch import OpenClient, ScenarioClock, running_server, state_folder
from evals.model_calls import ModelCalls, Perfect, Recorder, Replay
from evals.observed import Trial
from evals.report import Run
from evals.runner import TrialRunner
from evals.scenario import Scenario
from evals.summary import DEFAULT_GATES, Gate, Prices, Result, server_figures, summarise
from server.models import probe_model
from server.settings import PREFIX, load_settings
from streaming.model import HttpTransport, open_http_client

BuiltIn = Literal["demo", "perfect"]
_PERFECT: Final = {
    "model_url": "http://perfect.invalid/v1",
    "model_name": "perfect",
    "model_shape": "hosted",
    "model_dialect": "openai-chat",
}
# A scripted or recorded answer is never better at the second attempt, and one scenario must not fail the next one.
_SCRIPTED: Final[Mapping[str, str | int]] = {"model_attempts": 1, "model_breaker_failures": 1000}
_DEADLINE_S: Final = 600.0
_SHAPE_FILE: Final = "shape.txt"


@dataclass(frozen=True, slots=True)
class Options:
    """What to run. `built_in` runs only the scenarios that this model claims; None: the model of the environment."""

    trials: int = 1
    built_in: BuiltIn | None = None
    record: Path | None = None
    replay: Path | None = None
    prices: Prices | None = None
    gates: Sequence[Gate] = DEFAULT_GATES
    settings: Mapping[str, str | int | float | bool] | None = None


async def evaluate(
    scenarios: Sequence[Scenario],
    options: Options,
    environ: Mapping[str, str] = os.environ,
    progress: Callable[[Result], None] = lambda _: None,
) -> Run:
    """Run the trials. `progress` gets each judged trial. Raises `SettingsError`, `ModelError` and `OSError`."""
    if options.built_in is not None:
        scenarios = [scenario for scenario in scenarios if options.built_in in scenario.claimed_by]
        environ = {name: value for name, value in environ.items() if not name.startswith("TESSERA_MODEL_")}
    results: list[Result] = []
    server = dict.fromkeys(server_figures(""), 0.0)
    clock, model = ScenarioClock(), ""
    ordered = sorted(scenarios, key=_settings)
    shape = await _shape(options, environ)
    with state_folder() as state:
        for _, group in groupby(ordered, key=_settings):
            members = list(group)
            models, open_client = _model_calls(options)
            overrides = {**shape, **_overrides(options), **(options.settings or {}), **members[0].server}
            async with (
                running_server(environ, overrides, state, clock, open_client) as running,
                httpx.AsyncClient(base_url=running.rest_url, timeout=_DEADLINE_S) as rest,
            ):
                model = running.model
                runner = TrialRunner(running.ws_url, rest, models, deadline_s=_DEADLINE_S)
                for scenario in members:
                    for number in range(1, options.trials + 1):
                        clock.set(scenario.person.now.timestamp())
                        trial = await runner.run(scenario, number)
                        results.append(_judged(scenario, trial))
                        progress(results[-1])
                counted = server_figures((await rest.get("/metrics")).text)
                server = {name: server[name] + value for name, value in counted.items()}
    figures = summarise(results, server, options.prices)
    closed = [fault for gate in options.gates if (fault := gate.fault(figures)) is not None]
    return Run(model, ordered, results, figures, closed)


def _settings(scenario: Scenario) -> str:
    return repr(sorted(scenario.server.items()))


def _judged(scenario: Scenario, trial: Trial) -> Result:
    return Result(trial, judge(scenario, trial))


async def _shape(options: Options, environ: Mapping[str, str]) -> dict[str, str]:
    """The request shape of the whole run, so that no scenario depends on when the server's probe ended.

    A recording keeps it in a file, because another shape makes other calls.
    """
    if options.replay is not None:
        kept = options.replay / _SHAPE_FILE
        return {"model_shape": kept.read_text("utf-8").strip() if kept.is_file() else "hosted"}
    if options.built_in is not None or not environ.get(f"{PREFIX}MODEL_URL"):
        return {}
    settings = load_settings({name: value for name, value in environ.items() if name.startswith(PREFIX) and value})
    shape: str = settings.model_shape
    if shape == "auto":
        async with open_http_client(settings.http_transport) as client:
            _, _, shape = await probe_model(settings, client)
    if options.record is not None:
        options.record.mkdir(parents=True, exist_ok=True)
        (options.record / _SHAPE_FILE).write_text(f"{shape}\n", "utf-8")
    return {"model_shape": shape}


def _overrides(options: Options) -> dict[str, str | int]:
    found: dict[str, str | int] = dict(_PERFECT) if options.built_in == "perfect" else {}
    if options.replay is not None or options.built_in == "perfect":
        found.update(_SCRIPTED)
    return found


def _model_calls(options: Options) -> tuple[ModelCalls | None, OpenClient | None]:
    """The transport of model calls, and what opens the server's client with it; None: the server's own client."""
    if options.replay is not None:
        models: ModelCalls = Replay(options.replay)
    elif options.built_in == "perfect":
        perfect = Perfect()
        models = perfect if options.record is None else Recorder(perfect, options.record)
    elif options.record is not None:
        limits = httpx.Limits(max_connections=None, keepalive_expiry=30.0)
        models = Recorder(httpx.AsyncHTTPTransport(limits=limits), options.record)
    else:
        return None, None

    def open_client(_: HttpTransport) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=models, timeout=None)  # noqa: S113 - the server has deadlines

    return models, open_client
