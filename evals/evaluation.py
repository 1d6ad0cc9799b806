"""A whole run: starts servers for each group of scenarios with equal settings, and runs their trials side by side."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, Literal

import httpx
import trio

from evals.checks import judge
from evals.launch import OpenClient, ScenarioClock, running_server, state_folder
from evals.model_calls import ModelCalls, Recorder, Replay
from evals.observed import Trial
from evals.perfect import Perfect
from evals.report import Run
from evals.runner import TrialRunner
from evals.scenario import Scenario
from evals.summary import DEFAULT_GATES, Gate, Prices, Result, server_figures, summarise
from server.models import probe_model
from server.settings import PREFIX, load_settings
from streaming.dialects import is_self_hosted
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
_SIDE_BY_SIDE: Final = 4
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
    calls: Callable[[], ModelCalls] | None = None
    """Opens what answers the model's calls of one server, in place of a model."""
    side_by_side: int | None = None
    """Trials that run at the same time; None: what suits the model."""
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
        kept = (f"{PREFIX}MODEL_SHAPE",) if options.built_in == "perfect" else ()
        environ = {name: value for name, value in environ.items() if name in kept or not _is_of_model(name)}
    shape = await _shape(options, environ)
    if options.built_in == "perfect":
        played = shape.get("model_shape", _PERFECT["model_shape"])
        scenarios = [scenario for scenario in scenarios if played in scenario.perfect_shapes]
    ordered = sorted(scenarios, key=_settings)
    most = options.side_by_side or _side_by_side(options, environ)
    with state_folder() as state:
        trials = _Trials(options, environ, shape, state, trio.CapacityLimiter(most), progress)
        async with trio.open_nursery() as nursery:
            for _, group in groupby(ordered, key=_settings):
                queue = deque((one, number) for one in group for number in range(1, options.trials + 1))
                for _ in range(min(most, len(queue))):
                    if queue:
                        # One after another, because the first server creates the tables and the keys.
                        await nursery.start(trials.run, queue)
    order = {scenario.id: number for number, scenario in enumerate(ordered)}
    results = sorted(trials.results, key=lambda one: (order[one.trial.scenario], one.trial.number))
    figures = summarise(results, trials.counted, options.prices)
    closed = [fault for gate in options.gates if (fault := gate.fault(figures)) is not None]
    return Run(trials.model, ordered, results, figures, closed)


@dataclass(slots=True)
class _Trials:
    """Runs trials on servers side by side. Each server has one trial at a time, its own clock and its own model calls.

    So a scenario's time and its recorded model calls are never those of another one.
    """

    options: Options
    environ: Mapping[str, str]
    shape: Mapping[str, str]
    state: Path
    places: trio.CapacityLimiter
    progress: Callable[[Result], None]
    results: list[Result] = field(default_factory=list)
    counted: dict[str, float] = field(default_factory=lambda: dict.fromkeys(server_figures(""), 0.0))
    model: str = ""

    async def run(
        self, queue: deque[tuple[Scenario, int]], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Start a server with the settings of the first scenario, and take trials from `queue` until it is empty."""
        options, clock = self.options, ScenarioClock()
        models, open_client = _model_calls(options)
        own = queue[0][0].server
        overrides = {**_overrides(options), **self.shape, **(options.settings or {}), **own}
        async with (
            running_server(self.environ, overrides, self.state, clock, open_client) as running,
            httpx.AsyncClient(base_url=running.rest_url, timeout=_DEADLINE_S) as rest,
        ):
            task_status.started()
            self.model = running.model.partition(";")[0]
            runner = TrialRunner(running.ws_url, rest, models, deadline_s=_DEADLINE_S)
            while queue:
                async with self.places:
                    if not queue:
                        break
                    scenario, number = queue.popleft()
                    clock.set(scenario.person.now.timestamp())
                    trial = await runner.run(scenario, number)
                self.results.append(_judged(scenario, trial))
                self.progress(self.results[-1])
            for name, value in server_figures((await rest.get("/metrics")).text).items():
                self.counted[name] += value


def _side_by_side(options: Options, environ: Mapping[str, str]) -> int:
    """One trial at a time if the model runs on the person's own machine, which often has one slot."""
    url = environ.get(f"{PREFIX}MODEL_URL")
    called = options.built_in is None and options.replay is None and options.calls is None
    own = environ.get(f"{PREFIX}LOCAL_MODEL") or (url and is_self_hosted(url))
    return 1 if called and own else _SIDE_BY_SIDE


def _is_of_model(name: str) -> bool:
    return name.startswith(f"{PREFIX}MODEL_") or name == f"{PREFIX}LOCAL_MODEL"


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
        wanted = environ.get(f"{PREFIX}MODEL_SHAPE", "auto") if options.built_in == "perfect" else "auto"
        return {} if wanted == "auto" else _kept(options, wanted)
    settings = load_settings({name: value for name, value in environ.items() if name.startswith(PREFIX) and value})
    shape: str = settings.model_shape
    if shape == "auto":
        async with open_http_client(settings.http_transport) as client:
            _, _, shape = await probe_model(settings, client)
    return _kept(options, shape)


def _kept(options: Options, shape: str) -> dict[str, str]:
    if options.record is not None:
        options.record.mkdir(parents=True, exist_ok=True)
        (options.record / _SHAPE_FILE).write_text(f"{shape}\n", "utf-8")
    return {"model_shape": shape}


def _overrides(options: Options) -> dict[str, str | int]:
    scripted = options.calls is not None or options.built_in == "perfect"
    found: dict[str, str | int] = dict(_PERFECT) if scripted else {}
    if options.calls is not None or options.replay is not None or options.built_in == "perfect":
        found.update(_SCRIPTED)
    return found


def _model_calls(options: Options) -> tuple[ModelCalls | None, OpenClient | None]:
    """The transport of model calls, and what opens the server's client with it; None: the server's own client."""
    models: ModelCalls
    if options.calls is not None:
        models = options.calls()
    elif options.replay is not None:
        models = Replay(options.replay)
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
