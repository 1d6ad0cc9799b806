"""The measurements: each takes the running server through one kind of gap."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from bench.resume.fleet import Device, Fleet
from bench.stream.load import Load
from bench.stream.measures import percentile
from bench.stream.targets import Target

_ENDLESS: Final = 10**9
_RATE: Final = 0.2
"""Tokens per second of each of thousands of answers."""
_AT_ONCE: Final = 50
_TRIES: Final = 3
_OPENED_AT_ONCE: Final = 250
_STANDSTILL_S: Final = 90.0
"""If no device came back for this time, those that are not back are counted as missing. It is longer than the longest
delay between two attempts, with the handshake."""
_CATCH_UP_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Storm:
    """`count` devices that connected together. Times are in milliseconds, sorted; `first_ms`: to the first frame.

    `before_ms` and `answers_ms` are the ages of the tokens of other devices' answers, before the storm and during it.
    `cpu_ms_each` and `database_ms_each` are without what those answers take. `lost` sockets ended without a refusal,
    counted by their reason. `missing` devices did not come back, and those `not_resumed` got a new session.
    """

    count: int
    seconds: float
    cpu_ms_each: float
    database_ms_each: float
    busy: float
    refused: int
    lost: Counter[str]
    missing: int
    not_resumed: int
    ready_ms: list[float]
    first_ms: list[float]
    before_ms: list[float]
    answers_ms: list[float]

    @property
    def per_s(self) -> float:
        return (self.count - self.missing) / self.seconds


@dataclass(frozen=True, slots=True)
class Resumes:
    """Single reconnects in milliseconds, sorted: `plain_ms` without a resume, to `device_ready`; the others with one.

    `bytes_per_missed`: bytes of the frames after `device_ready` for each byte of missed text.
    """

    plain_ms: list[float]
    ready_ms: list[float]
    first_ms: list[float]
    last_ms: list[float]
    bytes_per_missed: float


def grown(target: Target, fleet: Fleet, devices: Sequence[Device], *, answers: bool, cut: bool) -> float:
    """The bytes that the server's resident memory grows by for each new session.

    With `answers` each has an answer in progress. With `cut` it loses its socket. Freed memory stays with the process,
    so the sockets are cut while few are open, and never more than at the end.
    """
    before = target.resident_bytes()
    for begin in range(0, len(devices), _AT_ONCE):
        part = devices[begin : begin + _AT_ONCE]
        fleet.connect(part)
        fleet.wait(_all(part, lambda device: bool(device.ready_ns)))
        if answers:
            ask_all(fleet, part)
        if cut:
            fleet.cut(part)
            fleet.run(0.2)
    fleet.run(1.0)
    return (target.resident_bytes() - before) / len(devices)


def open_all(fleet: Fleet, devices: Sequence[Device], *, answers: bool = False, cut: bool = False) -> None:
    """Connect the devices, some of them at the same time. `answers`, `cut`: see `grown`."""
    for begin in range(0, len(devices), _OPENED_AT_ONCE):
        part = devices[begin : begin + _OPENED_AT_ONCE]
        fleet.connect(part)
        fleet.wait(_all(part, lambda device: bool(device.ready_ns)))
        if answers:
            ask_all(fleet, part)
        if cut:
            fleet.cut(part)


def ask_all(fleet: Fleet, devices: Sequence[Device]) -> None:
    """Let each device have an answer in progress that does not end. An answer that fails is asked again."""
    asked = list(devices)
    for _ in range(_TRIES):
        for device in asked:
            fleet.ask(device, rate=_RATE, tokens=_ENDLESS)
        fleet.wait(_all(asked, lambda device: bool(device.text or device.status)))
        asked = [device for device in asked if device.status]
    if asked:
        raise RuntimeError(f"{len(asked)} answers ended: {asked[0].status}")


def storm(target: Target, devices: Sequence[Device], runners: Load, *, answers: bool, before_s: float) -> Storm:
    """All devices connect in the same moment. With `answers` each waits for the first frame of its answer too.

    They run in another process, which ends with their sockets; `runners` stream in this one, also for
    `before_s` seconds before.
    """
    # Nobody read the runners since the storm before. What has arrived meanwhile is old, and not by the server's fault.
    runners.run(_CATCH_UP_S)
    runners.measures_age = True
    runners.reset()
    cpu, database = target.cpu_s(), target.database_cpu_s()
    lasted_s = runners.run(before_s)
    usual, usual_database = (target.cpu_s() - cpu) / lasted_s, (target.database_cpu_s() - database) / lasted_s
    before_ms = _ages_ms(runners)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_storm, args=(there, target.host, target.port, list(devices), answers))
    runners.reset()
    cpu, database, began = target.cpu_s(), target.database_cpu_s(), time.monotonic()
    process.start()
    try:
        while not here.poll():
            runners.run(0.05)
        seconds = time.monotonic() - began
        cpu, database = target.cpu_s() - cpu, target.database_cpu_s() - database
        told = here.recv()
        if isinstance(told, str):
            raise RuntimeError(told)  # noqa: TRY004 - the other process tells its error as text
        after, refused, lost, lasted_s = told
        answers_ms = _ages_ms(runners)
    finally:
        here.send(None)
        process.join()
    for device, state in zip(devices, after, strict=True):
        for name in Device.__slots__:  # type: ignore[attr-defined]
            setattr(device, name, getattr(state, name))
    count = len(devices)
    back = [device for device in devices if device.ready_ns]
    return Storm(
        count=count,
        seconds=lasted_s,
        cpu_ms_each=(cpu - usual * seconds) / count * 1e3,
        database_ms_each=(database - usual_database * seconds) / count * 1e3,
        busy=cpu / seconds,
        refused=refused,
        lost=lost,
        missing=count - len(back),
        not_resumed=sum(device.resume != "resumed" for device in back),
        ready_ms=sorted((device.ready_ns - device.began_ns) / 1e6 for device in back),
        first_ms=sorted((device.first_ns - device.began_ns) / 1e6 for device in back if device.first_ns)
        if answers
        else [],
        before_ms=before_ms,
        answers_ms=answers_ms,
    )


def _ages_ms(load: Load) -> list[float]:
    return sorted(age / 1e3 for age in load.ages_us)


def _storm(there: Connection, host: str, port: int, devices: list[Device], answers: bool) -> None:
    gc.disable()
    fleet = Fleet(host, port)
    told: Any
    try:
        began = time.monotonic()
        fleet.connect(devices)
        _run_to_standstill(fleet, devices, lambda device: bool(device.ready_ns))
        lasted_s = time.monotonic() - began
        if answers:
            _run_to_standstill(fleet, devices, lambda device: bool(device.first_ns))
        told = devices, fleet.refused, fleet.lost, lasted_s
    except RuntimeError as error:
        told = str(error)
    there.send(told)
    there.recv()
    fleet.close()
    os._exit(0)


def _run_to_standstill(fleet: Fleet, devices: Sequence[Device], holds: Callable[[Device], bool]) -> None:
    """Read until `holds` for every device, however long it takes, or the number of devices stands still."""
    most, since = -1, time.monotonic()
    while most < len(devices) and time.monotonic() - since < _STANDSTILL_S:
        fleet.run(0.05)
        count = sum(map(holds, devices))
        if count > most:
            most, since = count, time.monotonic()


def resumes(fleet: Fleet, devices: Sequence[Device], *, count: int, tokens: int = 60, rate: float = 40.0) -> Resumes:
    """`count` times: a device is cut in the middle of an answer, which ends meanwhile; then it resumes, alone.

    Alternately, a device without an answer reconnects with a new cursor. A device whose answer had ended before the cut
    does not count: it missed nothing.
    """
    choice = random.Random(2026)
    plain: list[float] = []
    ready: list[float] = []
    first: list[float] = []
    last: list[float] = []
    sent = missed = 0
    at_once = min(20, len(devices))
    while len(ready) < count:
        chosen = choice.sample(list(devices), at_once)
        for device in chosen:
            fleet.ask(device, rate=rate, tokens=tokens)
        fleet.wait(_all(chosen, lambda device: device.text.count(" ") >= tokens // 4))
        fleet.cut(chosen)
        had = [len(device.text.encode()) for device in chosen]
        whole = {device.device_id for device in chosen if device.ended_ns}
        fleet.run(tokens / rate + 0.5)
        for device, before in zip(chosen, had, strict=True):
            if device.device_id in whole:
                _alone(fleet, device, resume=False)
                continue
            _alone(fleet, device, resume=True)
            fleet.wait(_all([device], lambda device: bool(device.ended_ns)))
            if (device.resume, device.status) != ("resumed", "completed"):
                raise RuntimeError(f"not resumed to its end: {device.resume}, {device.status}")
            ready.append((device.ready_ns - device.began_ns) / 1e6)
            first.append((device.first_ns - device.began_ns) / 1e6)
            last.append((device.ended_ns - device.began_ns) / 1e6)
            sent += device.heard_bytes
            missed += len(device.text.encode()) - before
            fleet.cut([device])
            _alone(fleet, device, resume=False)
            plain.append((device.ready_ns - device.began_ns) / 1e6)
    return Resumes(sorted(plain), sorted(ready), sorted(first), sorted(last), sent / max(missed, 1))


def _alone(fleet: Fleet, device: Device, *, resume: bool) -> None:
    fleet.connect([device], resume=resume)
    fleet.wait(lambda: bool(device.ready_ns))


def _all(devices: Sequence[Device], holds: Callable[[Device], bool]) -> Callable[[], bool]:
    return lambda: all(map(holds, devices))


def spread(values: list[float]) -> tuple[float, float]:
    """The 50th and the 99th percentile of sorted values."""
    return percentile(values, 50), percentile(values, 99)
