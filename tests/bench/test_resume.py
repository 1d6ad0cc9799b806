"""The resume benchmark: its report by made-up figures, and a short pass over our server that checks sense only."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.resume.figures import Figures
from bench.resume.fleet import Fleet
from bench.resume.log_cost import LogCost, log_cost
from bench.resume.measures import Resumes, Storm, ask_all, grown, open_all, resumes, storm
from bench.resume.report import markdown
from bench.resume.server import server
from bench.stream.measures import Paced
from bench.stream.targets import TESSERA, Places, model_server
from memory.keys import new_master_key

LOST = Counter({"the server failed; the fault is logged": 2, "ECONNRESET": 1})


def made_up(*, per_s: float, last_ms: float) -> Figures:
    """Figures in which 1,000 devices connect at `per_s` a second and a resume takes `last_ms`."""
    figures = Figures()
    figures.memory = {(answers, cut): 20.0 * 1024 for answers in (False, True) for cut in (False, True)}
    waits = [1.0, 2.0, 900.0]
    figures.idle_storms = [Storm(1000, 1000 / per_s, 0.8, 0.1, 0.9, 7, LOST, 0, 0, waits, [], [1.0, 2.0], [1.0, 4.0])]
    figures.answer_storms = [
        Storm(1000, 1000 / per_s, 1.9, 0.1, 0.9, 7, LOST, 1, 1, waits, waits, [1.0, 2.0], [1.0, 4.0])
    ]
    figures.resumes = Resumes([1.0], [1.0], [1.5], [last_ms], 1.5)
    figures.tokens = {
        name: [Paced(100, cpu_us, 0.1, 200.0, 900.0, 110.0, 1.0, 1 << 26)]
        for name, cpu_us in ((TESSERA, 70.0), ("raw httpx", 100.0))
    }
    figures.log_cost = LogCost(2.5, 1.1)
    return figures


@pytest.mark.parametrize(("per_s", "last_ms", "met"), [(1200.0, 9.0, True), (800.0, 70.0, False)])
def test_the_report_says_what_is_met(per_s: float, last_ms: float, met: bool) -> None:
    report = markdown(made_up(per_s=per_s, last_ms=last_ms))
    outcome = "met" if met else "**not met**"
    assert (
        f"| handshakes per second on one core, all devices together | {per_s:,.2f} | ≥ 1,000.00 | {outcome} |" in report
    )
    assert f"| p99 of a resume to its last replayed frame, ms | {last_ms:.2f} | ≤ 50.00 | {outcome} |" in report
    assert "| CPU per handshake, ms | 0.80 | ≤ 1.00 | met |" in report
    assert "| devices that did not come back, or only with a new session | 2.00 | ≤ 0.00 | **not met** |" in report
    assert "| memory of an idle session, KB | 20.00 | ≤ 30.00 | met |" in report
    assert "1,536 bytes were sent for each KB of missed text" in report
    assert f"| idle | 1,000 | {per_s:,.0f} | 0.80 | 0.10 | 2 | 900 |  | 7 | 3 | 0 | 0 | 2.0 | 4.0 |" in report
    assert "Lost: 4 the server failed; the fault is logged, 2 ECONNRESET." in report


def test_the_report_says_what_the_log_adds() -> None:
    figures = made_up(per_s=1200.0, last_ms=9.0)
    assert "| what the log adds to the CPU of a token at pace, % | 2.00 | ≤ 3.00 | met |" in markdown(figures)
    figures.log_cost = LogCost(4.6, 1.1)
    assert "| what the log adds to the CPU of a token at pace, % | 5.00 | ≤ 3.00 | **not met** |" in markdown(figures)


def test_the_same_text_is_measured_with_a_log_and_without() -> None:
    cost = log_cost(rounds=1)
    assert cost.logged_us > cost.unlogged_us > 0


def test_a_run_without_its_peer_says_so() -> None:
    figures = made_up(per_s=1200.0, last_ms=9.0)
    figures.tokens, figures.missing = {}, "no such folder"
    assert "The cost of a token was not compared: no such folder" in markdown(figures)


@pytest.mark.slow
def test_a_short_pass_over_our_server(database: str, tmp_path: Path) -> None:
    places = Places.of_machine()
    with (
        model_server(places, tmp_path) as model_port,
        server(database, model_port, places, 12, new_master_key()) as (target, devices),
    ):
        fleet = Fleet(target.host, target.port)
        assert grown(target, fleet, devices[:6], answers=True, cut=True) > 0
        open_all(fleet, devices[6:])
        assert {device.resume for device in devices} == {"new"}
        first = {device.device_id: device.session_id for device in devices}
        fleet.cut(devices[6:])
        runners = target.load()
        runners.open(1)
        runners.ask(runners.devices[0], rate=50, tokens=10**9)
        runners.wait(lambda: any(answer.tokens for answer in runners.answers.values()))
        together = storm(target, devices, runners, answers=False, before_s=0.3)
        runners.close()
        assert {device.session_id for device in devices} == set(first.values())
        assert together.count == len(together.ready_ms) == 12
        assert together.answers_ms
        assert (together.missing, together.not_resumed) == (0, 0)
        assert together.cpu_ms_each > 0
        open_all(fleet, devices[6:])
        alone = resumes(fleet, devices[6:], count=6, tokens=40, rate=40.0)
        fleet.close()
    assert len(alone.last_ms) == len(alone.plain_ms) == 6
    assert 0 < alone.ready_ms[0] <= alone.last_ms[-1]
    assert alone.bytes_per_missed > 1
    assert target.process.poll() == 0


def test_devices_that_are_refused_or_lose_their_socket_come_back_and_resume(database: str, tmp_path: Path) -> None:
    places = Places.of_machine()
    few = {"TESSERA_MAX_HANDSHAKES": "1", "TESSERA_MAX_HANDSHAKES_WAITING": "1"}
    with (
        model_server(places, tmp_path) as model_port,
        server(database, model_port, places, 40, new_master_key(), more=few) as (target, devices),
    ):
        fleet = Fleet(target.host, target.port)
        open_all(fleet, devices)
        assert fleet.refused > 0
        ask_all(fleet, devices[:1])
        first = devices[0]
        # The server closes a socket when the same device connects again.
        rival = Fleet(target.host, target.port)
        twin = replace(first)
        rival.connect([twin])
        rival.wait(lambda: bool(twin.ready_ns), 20)
        fleet.wait(lambda: bool(fleet.lost), 20)
        fleet.wait(lambda: bool(first.ready_ns), 20)
        rival.close()
        assert first.resume == "resumed"
        assert fleet.lost == {"this device connected again": 1}
        fleet.cut(devices)
        fleet.close()
