"""Each method changes its own series and no other; the number of labels is bounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agents.device import DEVICE_TOOLS
from server.peers.exposition import merged
from server.telemetry.metrics import Metrics
from streaming.model.breaker import State
from streaming.wire.codes import CloseCode

Labels = frozenset[tuple[str, str]]


def samples(metrics: Metrics) -> dict[tuple[str, Labels], float]:
    """All samples by name and labels, except those of the process and creation times."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
        if not sample.name.startswith("tessera_process_") and not sample.name.endswith("_created")
    }


def labels(**values: str) -> Labels:
    return frozenset(values.items())


@pytest.mark.parametrize(
    ("happens", "name", "expected_labels", "value"),
    [
        (
            lambda m: m.request_ended("home", "failed", 2.0),
            "tessera_requests_total",
            labels(mode="home", outcome="failed"),
            1,
        ),
        (
            lambda m: m.request_ended("popup", "completed", 2.0),
            "tessera_request_duration_seconds_sum",
            labels(mode="popup"),
            2.0,
        ),
        (lambda m: m.added_latency(0.25), "tessera_added_latency_seconds_sum", labels(), 0.25),
        (lambda m: m.first_token("home", 0.3), "tessera_first_token_seconds_sum", labels(mode="home"), 0.3),
        (lambda m: m.tokens(11, 7), "tessera_tokens_total", labels(direction="input"), 11),
        (lambda m: m.tokens(11, 7), "tessera_tokens_total", labels(direction="output"), 7),
        (lambda m: m.tokens(-11, 7), "tessera_tokens_total", labels(direction="input"), 0),
        (lambda m: m.block_repaired("repaired", 2), "tessera_block_repairs_total", labels(outcome="repaired"), 2),
        (lambda m: m.block_repaired("deadline"), "tessera_block_repairs_total", labels(outcome="deadline"), 1),
        (lambda m: m.session_opened(), "tessera_sessions", labels(), 1),
        (lambda m: m.session_closed(), "tessera_sessions", labels(), -1),
        (lambda m: m.socket_closed(CloseCode.TOO_SLOW), "tessera_sockets_closed_total", labels(code="4008"), 1),
        (lambda m: m.socket_closed(1006), "tessera_sockets_closed_total", labels(code="1006"), 1),
        (lambda m: m.socket_closed(4999), "tessera_sockets_closed_total", labels(code="other"), 1),
        (
            lambda m: m.tool_called("list_tasks", "answered", 0.2),
            "tessera_tool_calls_total",
            labels(tool="list_tasks", outcome="answered"),
            1,
        ),
        (
            lambda m: m.tool_called("rm -rf", "error", 0.2),
            "tessera_tool_calls_total",
            labels(tool="other", outcome="error"),
            1,
        ),
        (lambda m: m.block_rejected("too_deep"), "tessera_blocks_rejected_total", labels(reason="too_deep"), 1),
        (lambda m: m.token_spend_failed("read"), "tessera_token_spend_faults_total", labels(action="read"), 1),
        (lambda m: m.outbox_stalled(), "tessera_outbox_stalls_total", labels(), 1),
        (
            lambda m: m.http_answered("GET", "/healthz", 200),
            "tessera_http_requests_total",
            labels(method="GET", route="/healthz", status="200"),
            1,
        ),
        (
            lambda m: m.http_answered("BREW", None, 404),
            "tessera_http_requests_total",
            labels(method="other", route="unmatched", status="404"),
            1,
        ),
    ],
)
def test_each_method_changes_its_series(
    happens: Callable[[Metrics], None], name: str, expected_labels: Labels, value: float
) -> None:
    metrics = Metrics()
    before = samples(metrics)
    happens(metrics)
    after = samples(metrics)
    assert after[name, expected_labels] - before.get((name, expected_labels), 0) == pytest.approx(value)
    changed = {key[0] for key, count in after.items() if count != before.get(key, 0)}
    family = name.removesuffix("_total").removesuffix("_sum")
    assert all(key.startswith((family, "tessera_request", "tessera_tool_")) for key in changed)


def test_the_twenty_tools_of_the_protocol() -> None:
    assert len(DEVICE_TOOLS) == 20
    assert {"list_tasks", "get_note", "create_project", "update_checkpoint", "delete_task"} <= DEVICE_TOOLS


def test_unknown_names_create_no_series() -> None:
    metrics = Metrics()
    metrics.tool_called("x", "error", 0.2)
    metrics.socket_closed(3000)
    metrics.http_answered("X", None, 404)
    once = len(samples(metrics))
    for number in range(100):
        metrics.tool_called(f"tool{number}", "error", 0.2)
        metrics.socket_closed(3000 + number)
        metrics.http_answered(f"M{number}", None, 404)
    assert len(samples(metrics)) == once


@dataclass
class Stats:
    size: int
    idle: int
    waiting: int
    opened: int = 0
    timeouts: int = 0


def test_the_pool_is_read_at_each_scrape() -> None:
    metrics = Metrics()
    current = Stats(4, 3, 0)
    metrics.watch_pool(lambda: current)
    assert samples(metrics)["tessera_database_pool_idle", labels()] == 3
    current.idle, current.waiting, current.timeouts = 0, 9, 2
    read = samples(metrics)
    assert read["tessera_database_pool_size", labels()] == 4
    assert read["tessera_database_pool_idle", labels()] == 0
    assert read["tessera_database_pool_waiting", labels()] == 9
    assert read["tessera_database_pool_timeouts_total", labels()] == 2


def test_breakers_and_calls_are_read_at_each_scrape() -> None:
    metrics = Metrics()
    state: State = "closed"
    metrics.watch_models(lambda: [("answer", "big", state)], lambda: 3)
    for state in ("closed", "open", "half-open"):
        read = samples(metrics)
        found = {dict(key[1])["state"]: value for key, value in read.items() if key[0] == "tessera_model_breaker"}
        assert found == {"closed": 0, "open": 0, "half-open": 0} | {state: 1}
    assert read["tessera_model_calls", labels()] == 3


def test_the_metrics_of_several_workers_are_merged() -> None:
    one, other = Metrics(), Metrics()
    one.request_ended("home", "completed", 1.5)
    other.model_failed("answer", "big", "model_timeout")
    text = merged({1: one.render(), 2: None, 3: other.render()}).decode()
    lines = text.splitlines()
    assert 'tessera_requests_total{mode="home",outcome="completed",worker="1"} 1.0' in lines
    assert 'tessera_requests_total{mode="home",outcome="completed",worker="3"} 0.0' in lines
    assert 'tessera_model_faults_total{code="model_timeout",model="big",use="answer",worker="3"} 1.0' in lines
    assert 'tessera_request_duration_seconds_bucket{le="2.0",mode="home",worker="1"} 1.0' in lines
    assert [f'tessera_worker_up{{worker="{number}"}} {up}' in lines for number, up in ((1, 1.0), (2, 0.0), (3, 1.0))]
    # Each metric family has one header, followed by all of its samples.
    types = [line for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))


def test_two_servers_in_one_process_have_separate_metrics() -> None:
    first, second = Metrics(), Metrics()
    first.session_opened()
    assert samples(second)["tessera_sessions", labels()] == 0
