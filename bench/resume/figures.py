"""A whole run: memory, storms, single resumes, and the cost of a token next to that of raw httpx."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.resume.fleet import Device, Fleet
from bench.resume.log_cost import LogCost, log_cost
from bench.resume.measures import Resumes, Storm, grown, open_all, resumes, storm
from bench.resume.server import database, server
from bench.stream.load import Load
from bench.stream.measures import SHAPES, Paced, paced
from bench.stream.processes import pin
from bench.stream.targets import PEERS, TESSERA, PeerMissing, Places, Target, model_server, peer
from memory.keys import new_master_key

RAW: Final = "raw httpx"
_SHAPE: Final = SHAPES[0]
_WARM: Final = 50
_FEW: Final = 40
_RUNNERS: Final = 10
_RUNNER_RATE: Final = 40
_ENDLESS: Final = 10**9
_MISSED_S: Final = 9.0
"""At the slow rate of the many answers, each has a token in this time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many devices, and how often and long is measured. `weighed`: devices whose sessions' memory is measured.

    `per_user`: devices of one person. `storms_only`: measure only storms of devices with an answer.
    """

    devices: int = 5_000
    per_user: int = 1
    storms_only: bool = False
    weighed: int = 1_000
    storms: int = 2
    resumes: int = 500
    rounds: int = 3
    settle_s: float = 2.0
    before_s: float = 3.0
    window_s: float = 4.0


QUICK: Final = Plan(devices=500, storms=1, resumes=40, rounds=1, window_s=1.2)


@dataclass(slots=True)
class Figures:
    """The measurements; lists have one entry per round. `memory`: bytes per session by (with an answer, detached)."""

    memory: dict[tuple[bool, bool], float] = field(default_factory=dict)
    idle_storms: list[Storm] = field(default_factory=list)
    answer_storms: list[Storm] = field(default_factory=list)
    resumes: Resumes | None = None
    tokens: dict[str, list[Paced]] = field(default_factory=dict)
    log_cost: LogCost | None = None
    missing: str = ""


def measure(plan: Plan, say: Callable[[str], None]) -> Figures:
    """Carry out `plan` on its own database; `say` is called with progress messages."""
    folder = Path(tempfile.mkdtemp(prefix="bench-resume-"))
    places = Places.of_machine()
    pin([int(Path("/proc/self").readlink().name)], places.others)
    try:
        with model_server(places, folder) as model_port, database() as (url, pid):
            return measure_on(url, model_port, places, folder, plan, say, database_pid=pid)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure_on(
    url: str,
    model_port: int,
    places: Places,
    folder: Path,
    plan: Plan,
    say: Callable[[str], None],
    *,
    database_pid: int | None = None,
) -> Figures:
    """Like `measure`, on the migrated database `url` and a running model server."""
    figures, master_key = Figures(), new_master_key()
    for answers in (True,) if plan.storms_only else (False, True):
        # A new server each time: sessions would otherwise use memory that earlier work freed.
        with server(
            url, model_port, places, plan.devices, master_key, database_pid=database_pid, per_user=plan.per_user
        ) as (target, devices):
            _sessions(target, devices, plan, figures, say, answers=answers)
    if plan.storms_only:
        figures.memory.clear()  # of idle sessions nothing was measured
        figures.missing = "only storms were measured"
        return figures
    with server(url, model_port, places, _FEW, master_key, database_pid=database_pid) as (target, devices):
        fleet = Fleet(target.host, target.port)
        open_all(fleet, devices)
        figures.resumes = resumes(fleet, devices, count=plan.resumes)
        say(f"{len(figures.resumes.last_ms)} resumes, one after another")
        fleet.close()
        _tokens(target, model_port, places, folder, plan, figures, say)
    figures.log_cost = log_cost()
    say(f"the log adds {figures.log_cost.added_us:.2f} us to a token")
    return figures


def _sessions(
    target: Target, devices: list[Device], plan: Plan, figures: Figures, say: Callable[[str], None], *, answers: bool
) -> None:
    """Memory and storms of idle sessions, or of sessions with an answer in progress."""
    fleet = Fleet(target.host, target.port)
    warm, rest = devices[:_WARM], devices[_WARM:]
    grown(target, fleet, warm, answers=answers, cut=True)  # the first sessions cause allocations that all share
    weighed, others = rest[: plan.weighed], rest[plan.weighed :]
    for cut, chosen in ((True, weighed[::2]), (False, weighed[1::2])):
        each = figures.memory[answers, cut] = grown(target, fleet, chosen, answers=answers, cut=cut)
        say(f"{'with an answer' if answers else 'idle'}{', cut' if cut else ''}: {each / 1024:.1f} KB per session")
    fleet.cut(weighed[1::2])
    open_all(fleet, others, answers=answers, cut=True)
    storms = figures.answer_storms if answers else figures.idle_storms
    with _runners(target) as runners:
        for _ in range(plan.storms):
            fleet.run(_MISSED_S if answers else plan.settle_s)
            storms.append(storm(target, devices, runners, answers=answers, before_s=plan.before_s))
            one = storms[-1]
            say(
                f"{one.count} together: {one.per_s:,.0f}/s, {one.cpu_ms_each:.2f} ms of CPU each,"
                f" {one.refused} refused, {one.lost.total()} lost, {one.missing} missing"
            )
    fleet.close()


@contextmanager
def _runners(target: Target) -> Iterator[Load]:
    """Answers at a model's pace on sockets that stay open."""
    load = target.load()
    try:
        load.open(_RUNNERS)
        for device in load.devices:
            load.ask(device, rate=_RUNNER_RATE, tokens=_ENDLESS)
        load.wait(lambda: all(answer.tokens for answer in load.answers.values()))
        yield load
    finally:
        load.cancel_all()
        load.close()


def _tokens(
    target: Target,
    model_port: int,
    places: Places,
    folder: Path,
    plan: Plan,
    figures: Figures,
    say: Callable[[str], None],
) -> None:
    """Tokens at a model's pace, here and on raw httpx, one after the other in each round."""
    try:
        with peer(RAW, model_port, places, folder) as raw:
            for number in range(plan.rounds):
                for one in (target, raw) if number % 2 == 0 else (raw, target):
                    measured = paced(one, _SHAPE, settle_s=0.5, window_s=plan.window_s)
                    figures.tokens.setdefault(one.name, []).append(measured)
                    say(f"{one.name}: {measured.cpu_us:.1f} us a token")
    except PeerMissing as missing:
        figures.missing = str(missing).splitlines()[0]
        say(figures.missing)
    assert set(figures.tokens) <= {TESSERA, *PEERS}
