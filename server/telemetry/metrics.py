"""What the server counts, for Prometheus. No label takes more values than the code has, whatever anybody sends."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.process_collector import ProcessCollector

from agents.device import DEVICE_TOOLS
from server.telemetry.collectors import ModelCollector, ModelState, PoolCollector, PoolStats
from streaming.wire import CloseCode

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
OTHER: Final = "other"

# The close codes of RFC 6455 that a peer may send or a library may report, besides ours.
_CLOSE_CODES: Final = frozenset(CloseCode) | {1001, 1002, 1003, 1005, 1006, 1007, 1010, 1011, 1012, 1013, 1014, 1015}
_HTTP_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ADDED_LATENCY_BUCKETS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 10.0)
_FIRST_TOKEN_BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 20, 60)
_RECALL_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)
_TOOL_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30, 120)
_DURATION_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)

Mode = Literal["home", "popup"]
ChangeOutcome = Literal["ok", "failed", "refused", "lost", "retried"]
MemoryOutcome = Literal["ok", "timeout", "failed"]
ModelUse = Literal["answer", "router", "memory"]
RepairedAs = Literal["repaired", "invalid_again", "deadline", "model_error"]
RequestOutcome = Literal["completed", "cancelled", "failed"]


class Metrics:
    """The server's counters, in a registry of their own. Each method is one thing that happened; none blocks."""

    def __init__(self, *, tools: Collection[str] = DEVICE_TOOLS) -> None:
        self._tools = frozenset(tools)
        self._registry = registry = CollectorRegistry()
        ProcessCollector(namespace="tessera", registry=registry)
        self._requests = Counter(
            "tessera_requests", "Chat requests ended, by outcome.", ["mode", "outcome"], registry=registry
        )
        self._tokens = Counter("tessera_tokens", "Model tokens, by direction.", ["direction"], registry=registry)
        self._sessions = Gauge("tessera_sessions", "Device sessions past their handshake.", registry=registry)
        self._closed = Counter("tessera_sockets_closed", "Device sockets closed, by code.", ["code"], registry=registry)
        self._tool_calls = Counter(
            "tessera_tool_calls", "Calls of device tools, by outcome.", ["tool", "outcome"], registry=registry
        )
        self._tool_time = Histogram(
            "tessera_tool_seconds",
            "From a device tool's call to its result, whatever it is.",
            ["tool"],
            buckets=_TOOL_BUCKETS_S,
            registry=registry,
        )
        self._model_faults = Counter(
            "tessera_model_faults",
            "Calls of a model that failed before an answer began.",
            ["use", "model", "code"],
            registry=registry,
        )
        self._rejected = Counter(
            "tessera_blocks_rejected", "Blocks of a model that were skipped.", ["reason"], registry=registry
        )
        self._repairs = Counter(
            "tessera_block_repairs", "Skipped blocks that a model was asked for again.", ["outcome"], registry=registry
        )
        self._first_token = Histogram(
            "tessera_first_token_seconds",
            "From a request's acceptance to its first text or block.",
            ["mode"],
            buckets=_FIRST_TOKEN_BUCKETS_S,
            registry=registry,
        )
        self._added_latency = Histogram(
            "tessera_added_latency_seconds",
            "From a piece of a model's text to its frame at the device's socket or in its outbox; one piece of 16.",
            buckets=_ADDED_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._duration = Histogram(
            "tessera_request_duration_seconds",
            "From a request's acceptance to its end.",
            ["mode"],
            buckets=_DURATION_BUCKETS_S,
            registry=registry,
        )
        self._stalls = Counter(
            "tessera_outbox_stalls",
            "Sockets closed as too slow.",
            registry=registry,
        )
        self._recalls = Counter(
            "tessera_memory_recalls", "Recalls before an answer, by outcome.", ["outcome"], registry=registry
        )
        self._recall_time = Histogram(
            "tessera_memory_recall_seconds",
            "Time an answer waited for memory, embedding included.",
            buckets=_RECALL_BUCKETS_S,
            registry=registry,
        )
        self._stores = Counter(
            "tessera_memory_stores",
            "Exchanges to store before the answer's end, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._enriched = Counter(
            "tessera_memory_enriched",
            "Episodes enriched in the background, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._unreadable = Counter(
            "tessera_memory_unreadable",
            "Rows skipped because they do not open with their user's key.",
            ["tier"],
            registry=registry,
        )
        self._spend_faults = Counter(
            "tessera_token_spend_faults",
            "Daily token counts that could not be read or written just then.",
            ["action"],
            registry=registry,
        )
        self._memory_changes = Counter(
            "tessera_memory_mutations", "Entity changes to remember, by outcome.", ["outcome"], registry=registry
        )
        self._http = Counter(
            "tessera_http_requests", "HTTP requests answered.", ["method", "route", "status"], registry=registry
        )
        for mode in ("home", "popup"):  # so that the series are there, at 0, before the first request
            for outcome in ("completed", "cancelled", "failed", "refused"):
                self._requests.labels(mode, outcome)

    def request_ended(self, mode: Mode, outcome: RequestOutcome, duration_s: float) -> None:
        """An accepted chat request ended, `duration_s` after it was accepted."""
        self._requests.labels(mode, outcome).inc()
        self._duration.labels(mode).observe(duration_s)

    def request_refused(self, mode: Mode) -> None:
        """A chat request was refused before anything of it ran."""
        self._requests.labels(mode, "refused").inc()

    def first_token(self, mode: Mode, elapsed_s: float) -> None:
        """The first text or block of a request went out, `elapsed_s` after it was accepted."""
        self._first_token.labels(mode).observe(elapsed_s)

    def added_latency(self, elapsed_s: float) -> None:
        """A piece of a model's text was parsed and given to the device's socket or outbox in `elapsed_s`."""
        self._added_latency.observe(elapsed_s)

    def tokens(self, input_tokens: int, output_tokens: int) -> None:
        """As the provider reported them; a negative count from it is taken as 0."""
        self._tokens.labels("input").inc(max(0, input_tokens))
        self._tokens.labels("output").inc(max(0, output_tokens))

    def session_opened(self) -> None:
        self._sessions.inc()

    def session_closed(self) -> None:
        self._sessions.dec()

    def socket_closed(self, code: int) -> None:
        """A device socket closed. Codes outside the protocol and RFC 6455 count as `other`."""
        self._closed.labels(str(int(code)) if code in _CLOSE_CODES else OTHER).inc()

    def tool_called(self, tool: str, outcome: str, elapsed_s: float) -> None:
        """A device tool's call ended. `outcome` is an `agents.device.Outcome`; an unknown tool counts as `other`."""
        name = tool if tool in self._tools else OTHER
        self._tool_calls.labels(name, outcome).inc()
        self._tool_time.labels(name).observe(elapsed_s)

    def block_rejected(self, reason: str) -> None:
        """A block was skipped. `reason` is one of the parser's or the formatter's own, never text of the model's."""
        self._rejected.labels(reason).inc()

    def block_repaired(self, outcome: RepairedAs, count: int = 1) -> None:
        """So many skipped blocks were asked for again, once; `outcome` says what came of each."""
        self._repairs.labels(outcome).inc(count)

    def outbox_stalled(self) -> None:
        self._stalls.inc()

    def http_answered(self, method: str, route: str | None, status: int) -> None:
        """`route` is the rule that matched, not the path that was asked for; None when none did."""
        self._http.labels(method if method in _HTTP_METHODS else OTHER, route or "unmatched", str(status)).inc()

    def recalled(self, outcome: MemoryOutcome, elapsed_s: float) -> None:
        """An answer got what memory had, or went on without it, after `elapsed_s` seconds."""
        self._recalls.labels(outcome).inc()
        self._recall_time.observe(elapsed_s)

    def stored(self, outcome: MemoryOutcome) -> None:
        """An exchange was stored before its answer ended, or not."""
        self._stores.labels(outcome).inc()

    def enriched(self, outcome: str, episodes: int) -> None:
        """`outcome` is a `memory.enrichment.worker.Outcome`."""
        self._enriched.labels(outcome).inc(episodes)

    def memory_unreadable(self, tier: str) -> None:
        """A row of `tier`, one of the four, was skipped."""
        self._unreadable.labels(tier).inc()

    def entity_remembered(self, outcome: ChangeOutcome, count: int = 1) -> None:
        """Changes of entities reached memory, or not.

        `failed` can't be stored; `refused`: too many were waiting; `lost`: they still were when the server ended.
        `retried` are tries that failed for now.
        """
        self._memory_changes.labels(outcome).inc(count)

    def token_spend_failed(self, action: str) -> None:
        """A user's count of tokens was not reached; `action` is read or write, and a write is tried again."""
        self._spend_faults.labels(action).inc()

    def model_failed(self, use: ModelUse, model: str, code: str) -> None:
        """A call of `model`, one of the settings', failed before it was answered; it may be asked again."""
        self._model_faults.labels(use, model, code).inc()

    def watch_pool(self, stats: Callable[[], PoolStats]) -> None:
        """Read the database pool's numbers from `stats` whenever the metrics are read. Called at most once."""
        self._registry.register(PoolCollector(stats))

    def watch_models(self, states: Callable[[], Sequence[ModelState]], calls: Callable[[], int]) -> None:
        """Read the models' breakers and the calls under way when the metrics are read. Called at most once."""
        self._registry.register(ModelCollector(states))
        self._watch("tessera_model_calls", "Calls of models under way.", calls)

    def watch_outboxes(self, queued_bytes: Callable[[], int]) -> None:
        """Read how many bytes wait for devices when the metrics are read. Called at most once."""
        self._watch("tessera_outbox_bytes", "Queued for devices and not sent.", queued_bytes)

    def watch_memory(self, waiting: Callable[[], int]) -> None:
        """Read how many changed entities wait for memory when the metrics are read. Called at most once."""
        self._watch("tessera_memory_mutations_waiting", "Entity changes that memory has yet to take in.", waiting)

    def watch_enrichment(self, waiting: Callable[[], int]) -> None:
        """Read how many users' exchanges wait for enrichment when the metrics are read. Called at most once."""
        self._watch(
            "tessera_memory_users_waiting", "Users with exchanges that this process has yet to enrich.", waiting
        )

    def _watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        Gauge(name, help_text, registry=self._registry).set_function(read)

    def render(self) -> bytes:
        """Everything, in Prometheus's text format; `CONTENT_TYPE` goes with it."""
        return generate_latest(self._registry)
