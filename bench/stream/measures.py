"""The measurements: each measures one target for some seconds."""

from __future__ import annotations

import gc
import json
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.stream.load import Answer, Load
from bench.stream.payloads import TOKENS_PER_BLOCK
from bench.stream.targets import Target

_ENDLESS: Final = 10**9
_BEGUN: Final = 3
"""After this number of tokens an answer is in its middle."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`sockets` times `requests` streams, each at `rate` tokens a second when paced."""

    sockets: int
    requests: int
    rate: float

    def __str__(self) -> str:
        return f"{self.sockets}x{self.requests}"


SHAPES: Final = (Shape(20, 1, 80), Shape(5, 8, 50), Shape(100, 1, 40))


@dataclass(frozen=True, slots=True)
class Paced:
    """One window in which every stream is in its middle. Ages are in microseconds, `cpu_us` and `bytes` per token."""

    tokens: int
    cpu_us: float
    database_us: float
    p50_us: float
    p99_us: float
    bytes: float
    frames: float
    resident: int


@dataclass(frozen=True, slots=True)
class Saturated:
    """One window in which the server never waits for the model. `busy`: processor cores that the server used."""

    tokens_per_s: float
    cpu_us: float
    busy: float
    frames: float


@dataclass(frozen=True, slots=True)
class Requests:
    """Short answers one after another: the cost of a request with one model call, in milliseconds per request."""

    count: int
    cpu_ms: float
    database_ms: float
    per_s: float


@dataclass(frozen=True, slots=True)
class Cancels:
    """Milliseconds from `cancel` to the model's connection closed, and to the answer's last frame."""

    closed_ms: list[float]
    ended_ms: list[float]
    ignored: int


@dataclass(frozen=True, slots=True)
class Idle:
    """`count` idle sessions: memory for each, and rate and processor time of opening them."""

    count: int
    bytes_each: float
    per_s: float
    cpu_ms_each: float


@contextmanager
def open_streams(target: Target, shape: Shape, rate: float) -> Iterator[Load]:
    """A load whose streams have all begun. Leaving cancels the streams and closes the load."""
    load = target.load()
    try:
        load.open(shape.sockets)
        for device in load.devices:
            for _ in range(shape.requests):
                load.ask(device, rate=rate, tokens=_ENDLESS)
        load.wait(partial(_begun, load.answers.values()))
        # Pauses of the load would count as the target's.
        gc.collect()
        gc.disable()
        yield load
    finally:
        gc.enable()
        load.cancel_all()
        load.close()


def paced(target: Target, shape: Shape, *, settle_s: float, window_s: float) -> Paced:
    """Streams at a model's pace."""
    with open_streams(target, shape, shape.rate) as load:
        load.run(settle_s)
        load.measures_age = True
        load.reset()
        cpu, database = target.cpu_s(), target.database_cpu_s()
        load.run(window_s)
        cpu, database = target.cpu_s() - cpu, target.database_cpu_s() - database
        ages = sorted(load.ages_us)
        if not ages:
            raise RuntimeError(f"{target.name} gave no token in {window_s:g} s")
        return Paced(
            tokens=load.tokens,
            cpu_us=cpu / load.tokens * 1e6,
            database_us=database / load.tokens * 1e6,
            p50_us=percentile(ages, 50),
            p99_us=percentile(ages, 99),
            bytes=load.bytes / load.tokens,
            frames=load.frames / load.tokens,
            resident=target.resident_bytes(),
        )


def saturated(target: Target, shape: Shape, *, settle_s: float, window_s: float) -> Saturated:
    """Streams as fast as they are read."""
    with open_streams(target, shape, 0) as load:
        load.run(settle_s)
        load.reset()
        cpu = target.cpu_s()
        seconds = load.run(window_s)
        cpu = target.cpu_s() - cpu
        tokens = max(load.tokens, 1)
        return Saturated(load.tokens / seconds, cpu / tokens * 1e6, cpu / seconds, load.frames / tokens)


def requests(target: Target, *, count: int, sockets: int = 10, tokens: int = TOKENS_PER_BLOCK) -> Requests:
    """`count` answers of one text, which arrives in one piece, one at a time on each socket."""
    load = target.load()
    try:
        load.open(sockets)
        load.ask(load.devices[0], rate=0, tokens=tokens)  # the first request has extra costs
        load.wait(lambda: load.running == 0)
        cpu, database = target.cpu_s(), target.database_cpu_s()
        began = time.monotonic()
        for _ in range(count // sockets):
            for device in load.devices:
                load.ask(device, rate=0, tokens=tokens)
            load.wait(lambda: load.running == 0)
        seconds = time.monotonic() - began
        done = count // sockets * sockets
        cpu, database = target.cpu_s() - cpu, target.database_cpu_s() - database
        return Requests(done, cpu / done * 1e3, database / done * 1e3, done / seconds)
    finally:
        load.close()


def cancels(target: Target, model_port: int, *, count: int, sockets: int = 10) -> Cancels:
    """Streams cancelled in their middle, one at a time on each socket, while other streams run."""
    load = target.load()
    _closings(model_port)
    try:
        load.open(sockets * 2)
        for device in load.devices[sockets:]:
            load.ask(device, rate=20, tokens=_ENDLESS)
        sent: dict[str, int] = {}
        answers = []
        for number in range(count // sockets):
            asked = [
                load.ask(device, rate=50, tokens=_ENDLESS, tag=f"c{number}d{place}")
                for place, device in enumerate(load.devices[:sockets])
            ]
            load.wait(partial(_begun, asked))
            for place, (request_id, answer) in enumerate(list(load.answers.items())[-sockets:]):
                load.cancel(request_id, answer)
                sent[f"c{number}d{place}"] = answer.cancelled_ns
                load.run(0.002)
            load.run_until(partial(_ended, asked), 1.0)
            answers += asked
        load.run(0.1)
        closed = _closings(model_port)
        return Cancels(
            closed_ms=sorted((closed[tag] - at) / 1e6 for tag, at in sent.items() if tag in closed),
            ended_ms=sorted((answer.ended_ns - answer.cancelled_ns) / 1e6 for answer in answers if answer.status),
            ignored=len([tag for tag in sent if tag not in closed]),
        )
    finally:
        load.cancel_all()
        load.close()


def _begun(answers: Iterable[Answer]) -> bool:
    return all(answer.tokens >= _BEGUN for answer in answers)


def _ended(answers: Iterable[Answer]) -> bool:
    return all(answer.status for answer in answers)


def _closings(model_port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{model_port}/closed", timeout=10) as response:
        told: dict[str, int] = json.load(response)
    return told


def idle(target: Target, *, count: int, warm: int = 100) -> Idle:
    """Sessions that are opened as fast as the target accepts them, and then stay idle."""
    # The first sessions cause allocations that all sessions share.
    load = target.load()
    load.open(warm)
    load.close()
    load = target.load()
    try:
        time.sleep(0.5)
        before, cpu = target.resident_bytes(), target.cpu_s()
        seconds = load.open(count, at_once=128)
        cpu = target.cpu_s() - cpu
        load.run(1.0)
        return Idle(count, (target.resident_bytes() - before) / count, count / seconds, cpu / count * 1e3)
    finally:
        load.close()


def percentile(values: list[float] | list[int], percent: float) -> float:
    """The smallest of the sorted `values` that is not below `percent` % of them."""
    return float(values[min(len(values) - 1, int(len(values) * percent / 100))]) if values else float("nan")
