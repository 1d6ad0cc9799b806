"""A whole run: all targets are measured in each round."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.stream.measures import (
    SHAPES,
    Cancels,
    Idle,
    Paced,
    Requests,
    Saturated,
    Shape,
    cancels,
    idle,
    paced,
    requests,
    saturated,
)
from bench.stream.processes import pin
from bench.stream.targets import PEERS, TESSERA, PeerMissing, Places, Target, model_server, peer, tessera
from server.settings import Settings

_WORKERS: Final = (1, 2)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often is measured. Windows are in seconds."""

    rounds: int = 3
    settle_s: float = 0.7
    window_s: float = 4.0
    saturated_rounds: int = 2
    saturated_s: float = 2.0
    requests: int = 200
    cancels: int = 200
    sessions: int = 5_000
    peers: bool = True
    idle: bool = True
    workers: bool = True


QUICK: Final = Plan(
    rounds=1,
    settle_s=0.3,
    window_s=1.2,
    saturated_rounds=1,
    saturated_s=0.7,
    requests=50,
    cancels=50,
    sessions=1_000,
    workers=False,
)


@dataclass(slots=True)
class Figures:
    """The measurements by the target's name; lists have one entry per round."""

    paced: dict[tuple[str, Shape], list[Paced]] = field(default_factory=dict)
    saturated: dict[tuple[str, Shape], list[Saturated]] = field(default_factory=dict)
    requests: dict[str, list[Requests]] = field(default_factory=dict)
    cancels: dict[str, Cancels] = field(default_factory=dict)
    idle: dict[str, Idle] = field(default_factory=dict)
    workers: dict[int, tuple[Saturated, Paced]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Peers that could not be started, and why."""


def measure(plan: Plan, say: Callable[[str], None]) -> Figures:
    """Carry out `plan`; `say` is called with progress messages."""
    figures = Figures()
    folder = Path(tempfile.mkdtemp(prefix="bench-stream-"))
    try:
        places = Places.of_machine()
        pin([_own_pid()], places.others)
        with model_server(places, folder) as model_port:
            with ExitStack() as stack:
                say(f"starting {TESSERA} and its peers")
                targets = [stack.enter_context(tessera(model_port, places))]
                for name in PEERS if plan.peers else ():
                    try:
                        targets.append(stack.enter_context(peer(name, model_port, places, folder)))
                    except PeerMissing as missing:
                        figures.missing[name] = str(missing)
                        say(f"without {name}: {missing}")
                _rounds(plan, targets, model_port, figures, say)
            if plan.idle:
                _idle(plan, model_port, places, folder, figures, say)
            if plan.workers:
                _workers(plan, model_port, figures, say)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def _own_pid() -> int:
    return int(Path("/proc/self").readlink().name)


def _rounds(plan: Plan, targets: list[Target], model_port: int, figures: Figures, say: Callable[[str], None]) -> None:
    for number in range(plan.rounds):
        for shape in SHAPES:
            for target in _turned(targets, number):
                measured = paced(target, shape, settle_s=plan.settle_s, window_s=plan.window_s)
                figures.paced.setdefault((target.name, shape), []).append(measured)
                say(f"round {number + 1}, {shape} paced, {target.name}: {measured.cpu_us:.1f} us a token")
    # Before full speed: what memory stores of those answers takes processor time for a while after them.
    for number in range(plan.saturated_rounds):
        for target in _turned(targets, number):
            asked = requests(target, count=plan.requests)
            figures.requests.setdefault(target.name, []).append(asked)
            say(f"round {number + 1}, short answers, {target.name}: {asked.cpu_ms:.2f} ms a request")
    for number in range(plan.saturated_rounds):
        for shape in SHAPES:
            for target in _turned(targets, number):
                full = saturated(target, shape, settle_s=plan.settle_s, window_s=plan.saturated_s)
                figures.saturated.setdefault((target.name, shape), []).append(full)
                say(f"round {number + 1}, {shape} at full speed, {target.name}: {full.tokens_per_s:,.0f} tokens/s")
    for target in targets:
        figures.cancels[target.name] = cancels(target, model_port, count=plan.cancels)
        say(f"{plan.cancels} cancels, {target.name}")


def _turned(targets: list[Target], by: int) -> list[Target]:
    """The targets, rotated so that each round begins with a different one."""
    by %= len(targets)
    return targets[by:] + targets[:by]


def _idle(
    plan: Plan, model_port: int, places: Places, folder: Path, figures: Figures, say: Callable[[str], None]
) -> None:
    # In new processes: sessions would otherwise use memory that earlier work freed.
    with tessera(model_port, places) as target:
        figures.idle[target.name] = idle(target, count=plan.sessions)
        say(f"{plan.sessions} idle sessions, {target.name}: {figures.idle[target.name].bytes_each / 1024:.1f} KB each")
    name = next(iter(PEERS))
    if plan.peers and name not in figures.missing:
        with peer(name, model_port, places, folder) as target:
            figures.idle[name] = idle(target, count=plan.sessions)
            say(f"{plan.sessions} idle sockets, {name}: {figures.idle[name].bytes_each / 1024:.1f} KB each")


def _workers(plan: Plan, model_port: int, figures: Figures, say: Callable[[str], None]) -> None:
    if "workers" not in Settings.model_fields:
        return
    shape = SHAPES[-1]
    for count in _WORKERS:
        with tessera(model_port, Places.of_machine(count), settings={"TESSERA_WORKERS": str(count)}) as target:
            at_pace = paced(target, shape, settle_s=plan.settle_s, window_s=plan.window_s)
            full = saturated(target, shape, settle_s=plan.settle_s, window_s=plan.saturated_s)
            figures.workers[count] = (full, at_pace)
            say(f"{count} worker(s), {shape}: {full.tokens_per_s:,.0f} tokens/s at full speed")
