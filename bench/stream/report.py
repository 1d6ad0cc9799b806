"""The figures of a run as Markdown."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from bench.stream.figures import Figures
from bench.stream.measures import SHAPES, Shape, percentile
from bench.stream.payloads import TOKENS_PER_BLOCK
from bench.stream.targets import PEERS, TESSERA

_Item = TypeVar("_Item")

RAW: Final = "raw httpx"
_CPU_BOUNDS: Final = {"raw httpx": 0.80, "OpenAI SDK": 0.25, "LangChain": 0.18}
_AIM: Final = 0.5
_CANCEL_MS: Final = 5.0
_IDLE_KB: Final = 30.0


def markdown(figures: Figures) -> str:
    """All tables, the bounds last."""
    return "\n".join(
        line
        for section in (_machine, _missing, _paced, _saturated, _requests, _cancels, _idle, _workers, _bounds)
        for line in section(figures)
    )


def _machine(_: Figures) -> Iterator[str]:
    yield from machine()


def machine() -> Iterator[str]:
    """One line on the machine, its load and the time, and an empty one."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    yield (
        f"{datetime.now(UTC):%Y-%m-%d}, {model}, {os.cpu_count()} cores, Linux {platform.release()},"
        f" Python {sys.version.split()[0]}; load average at the end {os.getloadavg()[0]:.1f}."
    )
    yield ""


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _missing(figures: Figures) -> Iterator[str]:
    for name, why in figures.missing.items():
        yield f"{name} was not measured: {why.splitlines()[0]}"
        yield ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table with numbers in all columns but the first, and an empty line."""
    yield "| " + " | ".join(heads) + " |"
    yield "|---" + "|--:" * (len(heads) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _median(items: Iterable[_Item], of: Callable[[_Item], float]) -> float:
    return statistics.median(of(item) for item in items)


def _names(figures: Figures) -> list[str]:
    return [name for name in (TESSERA, *PEERS) if (name, SHAPES[0]) in figures.paced]


def cpu_us(figures: Figures, name: str, shape: Shape) -> float:
    """Processor time per token at a model's pace, in microseconds: the median of the rounds."""
    return _median(figures.paced[name, shape], lambda one: one.cpu_us)


def _full_us(figures: Figures, name: str, shape: Shape) -> float:
    """The same at full speed."""
    return _median(figures.saturated[name, shape], lambda one: one.cpu_us)


def _paced(figures: Figures) -> Iterator[str]:
    yield "### At a model's pace"
    yield ""
    heads = ("sockets x requests", "", "CPU us/token", "p50 added ms", "p99 added ms", "bytes/1,000 tokens", "RSS MB")
    rows = []
    for shape in SHAPES:
        for name in _names(figures):
            rounds = figures.paced[name, shape]
            rows.append(
                (
                    f"{shape} at {shape.rate:g}/s",
                    name,
                    f"{cpu_us(figures, name, shape):.1f}",
                    f"{_median(rounds, lambda one: one.p50_us) / 1e3:.2f}",
                    f"{_median(rounds, lambda one: one.p99_us) / 1e3:.2f}",
                    f"{_median(rounds, lambda one: one.bytes) * 1000:,.0f}",
                    f"{_median(rounds, lambda one: one.resident) / 2**20:.0f}",
                )
            )
    yield from table(heads, rows)
    database = max(one.database_us for (name, _), rounds in figures.paced.items() if name == TESSERA for one in rounds)
    yield f"{TESSERA}'s PostgreSQL additionally took at most {database:.2f} us per token."
    yield ""


def _saturated(figures: Figures) -> Iterator[str]:
    yield "### At full speed, on one core"
    yield ""
    heads = ("sockets x requests", "", "tokens/s", "CPU us/token", "cores busy", "frames/token")
    rows = []
    for shape in SHAPES:
        for name in _names(figures):
            rounds = figures.saturated[name, shape]
            rows.append(
                (
                    str(shape),
                    name,
                    f"{_median(rounds, lambda one: one.tokens_per_s):,.0f}",
                    f"{_median(rounds, lambda one: one.cpu_us):.1f}",
                    f"{_median(rounds, lambda one: one.busy):.2f}",
                    f"{_median(rounds, lambda one: one.frames):.2f}",
                )
            )
    yield from table(heads, rows)
    if any(one.busy < 0.9 for rounds in figures.saturated.values() for one in rounds):
        yield "If less than 0.9 cores were busy, the load or the model server was the limit, not the target."
        yield ""


def _requests(figures: Figures) -> Iterator[str]:
    yield f"### A short request: one model call, an answer of {TOKENS_PER_BLOCK} tokens in one piece"
    yield ""
    rows = [
        (
            name,
            f"{_median(rounds, lambda one: one.cpu_ms):.2f}",
            f"{_median(rounds, lambda one: one.database_ms):.2f}",
            f"{_median(rounds, lambda one: one.per_s):,.0f}",
        )
        for name, rounds in figures.requests.items()
    ]
    yield from table(("", "CPU ms/request", "PostgreSQL ms/request", "requests/s"), rows)


def _cancels(figures: Figures) -> Iterator[str]:
    yield "### From `cancel` to the model's connection closed"
    yield ""
    rows = [
        (
            name,
            str(len(one.closed_ms)),
            f"{percentile(one.closed_ms, 50):.2f}",
            f"{percentile(one.closed_ms, 99):.2f}",
            f"{percentile(one.ended_ms, 99):.2f}",
            str(one.ignored),
        )
        for name, one in figures.cancels.items()
    ]
    yield from table(("", "cancels", "p50 ms", "p99 ms", "p99 ms to the last frame", "not closed in 1 s"), rows)


def _idle(figures: Figures) -> Iterator[str]:
    if not figures.idle:
        return
    yield "### Idle sessions"
    yield ""
    rows = [
        (name, f"{one.count:,}", f"{one.bytes_each / 1024:.1f}", f"{one.per_s:,.0f}", f"{one.cpu_ms_each:.2f}")
        for name, one in figures.idle.items()
    ]
    yield from table(("", "sessions", "KB each", "handshakes/s", "CPU ms/handshake"), rows)
    if RAW in figures.idle:
        yield f"{RAW} has no hello, no access token and no device record: its row is for plain sockets."
        yield ""


def _workers(figures: Figures) -> Iterator[str]:
    if not figures.workers:
        return
    yield "### Workers"
    yield ""
    rows = [
        (
            str(count),
            f"{full.tokens_per_s:,.0f}",
            f"{full.busy:.2f}",
            f"{at_pace.cpu_us:.1f}",
            f"{at_pace.p99_us / 1e3:.2f}",
        )
        for count, (full, at_pace) in figures.workers.items()
    ]
    heads = ("TESSERA_WORKERS", "tokens/s at full speed", "cores busy", "CPU us/token paced", "p99 added ms paced")
    yield from table(heads, rows)


def _bounds(figures: Figures) -> Iterator[str]:
    yield "### What must hold"
    yield ""
    yield from table(("", "measured", "bound", ""), list(_bound_rows(figures)))


def _bound_rows(figures: Figures) -> Iterator[Sequence[str]]:
    names = _names(figures)
    for name, bound in _CPU_BOUNDS.items():
        if name in names:
            worst = max(cpu_us(figures, TESSERA, shape) / cpu_us(figures, name, shape) for shape in SHAPES)
            yield row(f"CPU per token at pace, times {name}'s: the worst of the three", worst, bound)
            if name == RAW:
                yield row("the same, target", worst, _AIM)
            worst = max(_full_us(figures, TESSERA, shape) / _full_us(figures, name, shape) for shape in SHAPES)
            yield row(f"CPU per token at full speed, times {name}'s: the worst of the three", worst, bound)
    if RAW in names:
        ours, theirs = (
            _median(figures.paced[name, SHAPES[-1]], lambda one: one.p99_us) / 1e3 for name in (TESSERA, RAW)
        )
        yield row(f"p99 added latency at {SHAPES[-1]} paced, ms, compared with {RAW}", ours, theirs)
    closed = figures.cancels[TESSERA]
    worst_ms = percentile(closed.closed_ms, 99) if not closed.ignored else float("inf")
    yield row("p99 from cancel to the model's connection closed, ms", worst_ms, _CANCEL_MS)
    if TESSERA in figures.idle:
        yield row("memory of an idle session, KB", figures.idle[TESSERA].bytes_each / 1024, _IDLE_KB)


def row(what: str, value: float, bound: float, *, least: bool = False) -> tuple[str, str, str, str]:
    """A row of the table of bounds. `least`: the value must be at least the bound instead of at most."""
    met = value >= bound if least else value <= bound
    return what, f"{value:,.2f}", f"{'≥' if least else '≤'} {bound:,.2f}", "met" if met else "**not met**"
