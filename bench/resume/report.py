"""The figures of a run as Markdown."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from bench.resume.figures import RAW, Figures
from bench.resume.measures import Storm, spread
from bench.stream.measures import percentile
from bench.stream.report import machine, row, table
from bench.stream.targets import TESSERA

_IDLE_KB: Final = 30.0
_RESUME_MS: Final = 50.0
_STORM_PER_S: Final = 1000.0
_HANDSHAKE_MS: Final = 1.0
_LOG_PERCENT: Final = 3.0


def markdown(figures: Figures) -> str:
    """All tables, the bounds last."""
    return "\n".join(
        line for section in (_machine, _resumes, _storms, _memory, _tokens, _log, _bounds) for line in section(figures)
    )


def _machine(_: Figures) -> Iterator[str]:
    yield from machine()


def _resumes(figures: Figures) -> Iterator[str]:
    found = figures.resumes
    if found is None:
        return
    yield f"### {len(found.last_ms)} devices that come back one after another"
    yield ""
    rows = [
        (name, *(f"{value:.2f}" for value in spread(values)))
        for name, values in (
            ("a reconnect without resume, to `device_ready`", found.plain_ms),
            ("a resume, to `device_ready`", found.ready_ms),
            ("a resume, to the first replayed frame", found.first_ms),
            ("a resume, to the last replayed frame", found.last_ms),
        )
    ]
    yield from table(("", "p50 ms", "p99 ms"), rows)
    replayed = found.bytes_per_missed * 1024
    yield f"Each resume replays up to 45 tokens. {replayed:,.0f} bytes were sent for each KB of missed text."
    yield ""


def _storms(figures: Figures) -> Iterator[str]:
    yield "### All devices together"
    yield ""
    rows = [
        _storm(name, storms)
        for name, storms in (("idle", figures.idle_storms), ("with an answer", figures.answer_storms))
        if storms
    ]
    heads = (
        "sessions",
        "devices",
        "handshakes/s",
        "CPU ms each",
        "PostgreSQL ms each",
        "ready p50 ms",
        "ready p99 ms",
        "first frame p99 ms",
        "refused",
        "lost",
        "missing",
        "new session",
        "tokens of others, p99 ms before",
        "and during",
    )
    yield from table(heads, rows)
    if reasons := _lost(figures.idle_storms + figures.answer_storms):
        yield "Lost: " + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) + "."
        yield ""


def _lost(storms: Sequence[Storm]) -> Counter[str]:
    """Sockets that ended without a refusal, by their reason."""
    return sum((one.lost for one in storms), Counter[str]())


def _storm(name: str, storms: Sequence[Storm]) -> Sequence[str]:
    def middle(values: list[float]) -> float:
        return statistics.median(values)

    return (
        name,
        f"{storms[0].count:,}",
        f"{middle([one.per_s for one in storms]):,.0f}",
        f"{middle([one.cpu_ms_each for one in storms]):.2f}",
        f"{middle([one.database_ms_each for one in storms]):.2f}",
        f"{middle([spread(one.ready_ms)[0] for one in storms]):,.0f}",
        f"{middle([spread(one.ready_ms)[1] for one in storms]):,.0f}",
        f"{middle([spread(one.first_ms)[1] for one in storms]):,.0f}" if storms[0].first_ms else "",
        f"{middle([one.refused for one in storms]):,.0f}",
        f"{_lost(storms).total():,}",
        f"{sum(one.missing for one in storms):,}",
        f"{sum(one.not_resumed for one in storms):,}",
        f"{middle([percentile(one.before_ms, 99) for one in storms]):.1f}",
        f"{middle([percentile(one.answers_ms, 99) for one in storms]):.1f}",
    )


def _memory(figures: Figures) -> Iterator[str]:
    if not figures.memory:
        return
    yield "### Memory per session"
    yield ""
    rows = [
        (name, *(f"{figures.memory[answers, cut] / 1024:.1f}" for cut in (False, True)))
        for name, answers in (("idle", False), ("with an answer in progress", True))
    ]
    yield from table(("", "KB with a socket", "KB without"), rows)


def _tokens(figures: Figures) -> Iterator[str]:
    if not figures.tokens:
        yield f"The cost of a token was not compared: {figures.missing}"
        yield ""
        return
    yield "### A token at a model's pace, with the request's log"
    yield ""
    rows = [
        (
            name,
            f"{statistics.median(one.cpu_us for one in rounds):.1f}",
            f"{statistics.median(one.p50_us for one in rounds) / 1e3:.2f}",
            f"{statistics.median(one.p99_us for one in rounds) / 1e3:.2f}",
        )
        for name, rounds in figures.tokens.items()
    ]
    yield from table(("20x1 at 80/s", "CPU us/token", "p50 added ms", "p99 added ms"), rows)


def _log(figures: Figures) -> Iterator[str]:
    if (cost := figures.log_cost) is None:
        return
    yield "### What the log adds to a token"
    yield ""
    rows = [
        ("text through the request's log", f"{cost.logged_us:.2f}"),
        ("the same text without a log", f"{cost.unlogged_us:.2f}"),
    ]
    yield from table(("from the frame to the socket", "CPU us/token"), rows)


def _bounds(figures: Figures) -> Iterator[str]:
    yield "### What must hold"
    yield ""
    yield from table(("", "measured", "bound", ""), list(_bound_rows(figures)))


def _bound_rows(figures: Figures) -> Iterator[Sequence[str]]:
    if figures.resumes is not None:
        yield row("p99 of a resume to its last replayed frame, ms", spread(figures.resumes.last_ms)[1], _RESUME_MS)
    if figures.idle_storms:
        per_s = statistics.median(one.per_s for one in figures.idle_storms)
        yield row("handshakes per second on one core, all devices together", per_s, _STORM_PER_S, least=True)
        cpu_ms = statistics.median(one.cpu_ms_each for one in figures.idle_storms)
        yield row("CPU per handshake, ms", cpu_ms, _HANDSHAKE_MS)
    if storms := figures.idle_storms + figures.answer_storms:
        absent = sum(one.missing + one.not_resumed for one in storms)
        yield row("devices that did not come back, or only with a new session", absent, 0)
    if figures.memory:
        yield row("memory of an idle session, KB", figures.memory[False, False] / 1024, _IDLE_KB)
    if RAW in figures.tokens:
        ours, theirs = (statistics.median(one.cpu_us for one in figures.tokens[name]) for name in (TESSERA, RAW))
        yield row(f"CPU per token at pace, times {RAW}'s", ours / theirs, 0.8)
        if figures.log_cost is not None:
            share = 100 * figures.log_cost.added_us / ours
            yield row("what the log adds to the CPU of a token at pace, %", share, _LOG_PERCENT)
