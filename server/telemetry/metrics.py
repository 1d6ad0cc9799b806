"""The server's Prometheus metrics. Labels take a fixed set of values, whatever clients send."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Literal, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.process_collector import ProcessCollector

from agents.device import DEVICE_TOOLS
from server.telemetry.collectors import ModelCollector, ModelState, PoolCollector, PoolStats
from server.telemetry.index_metrics import MemoryIndexMetrics
from streaming.wire import CloseCode

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
OTHER: Final = "other"

# The close codes of RFC 6455 that a peer may send or a library may report, and those of the protocol.
_CLOSE_CODES: Final = frozenset(CloseCode) | {1001, 1002, 1003, 1005, 1006, 1007, 1010, 1011, 1012, 1013, 1014, 1015}
_HTTP_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ADDED_LATENCY_BUCKETS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 10.0)
_FIRST_TOKEN_BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 20, 60)
_RECALL_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)
_TOOL_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30, 120)
_DURATION_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)

Mode = Literal["home", "popup"]
MissedOutcome = Literal["none", "sent", "lost", "failed"]
KeptOutcome = Literal["kept", "too_large", "gone", "failed"]
ChangeOutcome = Literal["ok", "failed", "refused", "lost", "retried"]
MemoryOutcome = Literal["ok", "timeout", "failed"]
ModelUse = Literal["answer", "router", "memory"]
RepairedAs = Literal["repaired", "invalid_again", "deadline", "model_error", "degraded"]
RequestOutcome = Literal["completed", "cancelled", "failed"]
Series = TypeVar("Series", Counter, Histogram)


class Metrics:
    """The server's metrics, in their own registry. Each method records one event; none blocks."""

    def __init__(self, *, tools: Collection[str] = DEVICE_TOOLS) -> None:
        self._tools = frozenset(tools)
        self._series: dict[tuple[object, ...], Any] = {}
        self._registry = registry = CollectorRegistry()
        ProcessCollector(namespace="tessera", registry=registry)
        self._requests = Counter(
            "tessera_requests",
            "Chat requests that ended or were refused, by mode and outcome.",
            ["mode", "outcome"],
            registry=registry,
        )
        self._tokens = Counter(
            "tessera_tokens",
            "Tokens of model calls as reported by providers, by direction (input, output).",
            ["direction"],
            registry=registry,
        )
        self._cached_tokens = Counter(
            "tessera_cached_tokens",
            "Input tokens that providers read from their caches; tessera_tokens_total counts them too.",
            registry=registry,
        )
        self._sessions = Gauge(
            "tessera_sessions", "Open device sessions (device sockets after a successful handshake).", registry=registry
        )
        self._closed = Counter(
            "tessera_sockets_closed", "Closed device sockets, by WebSocket close code.", ["code"], registry=registry
        )
        self._handshakes_refused = Counter(
            "tessera_handshakes_refused",
            "Connections refused with HTTP 503 because too many handshakes waited, or one for too long.",
            registry=registry,
        )
        self._handovers = Counter(
            "tessera_handovers",
            "Device sockets whose session was in another process, by outcome: that process served the socket (served),"
            " ended its idle session (moved), or did not answer (unreachable).",
            ["outcome"],
            registry=registry,
        )
        self._tool_calls = Counter(
            "tessera_tool_calls",
            "Calls of device tools that ended, by tool and outcome.",
            ["tool", "outcome"],
            registry=registry,
        )
        self._tool_time = Histogram(
            "tessera_tool_seconds",
            "Seconds from calling a device tool to its outcome.",
            ["tool"],
            buckets=_TOOL_BUCKETS_S,
            registry=registry,
        )
        self._model_faults = Counter(
            "tessera_model_faults",
            "Model calls that failed before their first token, by purpose, model and error code.",
            ["use", "model", "code"],
            registry=registry,
        )
        self._rejected = Counter(
            "tessera_blocks_rejected",
            "Blocks of models that could not be shown as written, by reason.",
            ["reason"],
            registry=registry,
        )
        self._repairs = Counter(
            "tessera_block_repairs",
            "Rejected blocks by outcome: corrected by the model or not, or degraded to a table, a list or a sentence.",
            ["outcome"],
            registry=registry,
        )
        self._put_right = Counter(
            "tessera_blocks_put_right",
            "Repairs of models' blocks by the parser, without a model call, by kind of repair.",
            ["kind"],
            registry=registry,
        )
        self._retries = Counter(
            "tessera_empty_answers_retried",
            "Answers that showed nothing, so that the model was asked again.",
            registry=registry,
        )
        self._written_calls = Counter(
            "tessera_written_calls",
            "Tool calls that a model wrote as text, by form.",
            ["form"],
            registry=registry,
        )
        self._disobeyed = Counter(
            "tessera_model_shape_ignored",
            "Replies that show that the model's server does not obey the request's shape, by shape and fault.",
            ["shape", "fault"],
            registry=registry,
        )
        self._first_token = Histogram(
            "tessera_first_token_seconds",
            "Seconds from accepting a chat request to its first text or block.",
            ["mode"],
            buckets=_FIRST_TOKEN_BUCKETS_S,
            registry=registry,
        )
        self._added_latency = Histogram(
            "tessera_added_latency_seconds",
            "Seconds from receiving a piece of a model's text to writing its frame to the device's socket or outbox;"
            " one piece of 16 is measured.",
            buckets=_ADDED_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self._duration = Histogram(
            "tessera_request_duration_seconds",
            "Seconds from accepting a chat request to its end.",
            ["mode"],
            buckets=_DURATION_BUCKETS_S,
            registry=registry,
        )
        self._stalls = Counter(
            "tessera_outbox_stalls",
            "Device sockets closed because their outbox was full and made no progress for TESSERA_OUTBOX_STALL_S.",
            registry=registry,
        )
        self._recalls = Counter(
            "tessera_memory_recalls", "Recalls of memory before an answer, by outcome.", ["outcome"], registry=registry
        )
        self._conversation_reads = Counter(
            "tessera_conversation_reads",
            "Reads of the earlier messages of a conversation from memory before an answer, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._recall_time = Histogram(
            "tessera_memory_recall_seconds",
            "Seconds that an answer waited for memory, including the query's embedding.",
            buckets=_RECALL_BUCKETS_S,
            registry=registry,
        )
        self._stores = Counter(
            "tessera_memory_stores",
            "Attempts to store an exchange in memory before its answer ended, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self._enriched = Counter(
            "tessera_memory_enriched",
            "Episodes of memory enriched in the background, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self.memory_index = MemoryIndexMetrics(registry)
        self._spend_faults = Counter(
            "tessera_token_spend_faults",
            "Failed reads and writes of daily token counts in the database; failed writes are retried.",
            ["action"],
            registry=registry,
        )
        self._memory_changes = Counter(
            "tessera_memory_mutations",
            "Entity changes sent by devices or made by tools, by the outcome of storing them in memory.",
            ["outcome"],
            registry=registry,
        )
        self._missed_changes = Counter(
            "tessera_missed_changes",
            "Devices that connected after a change they had missed, by outcome: sent, lost (they must read everything"
            " again) or failed (the log could not be read).",
            ["outcome"],
            registry=registry,
        )
        self._kept_answers = Counter(
            "tessera_kept_answers",
            "Ended requests by what became of their result: kept, too_large, gone (the request no longer counted as"
            " running) or failed (the database or the user's key was not available).",
            ["outcome"],
            registry=registry,
        )
        self._http = Counter(
            "tessera_http_requests",
            "Answered REST requests, by method, route and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        for mode in ("home", "popup"):  # the series exist with value 0 before the first request
            for outcome in ("completed", "cancelled", "failed", "refused"):
                self._requests.labels(mode, outcome)

    def _of(self, metric: Series, *labels: str) -> Series:
        """As `metric.labels`, which takes longer than to count, so it is called once for the same labels."""
        if (key := (metric, *labels)) not in self._series:
            self._series[key] = metric.labels(*labels)
        return cast("Series", self._series[key])

    def request_ended(self, mode: Mode, outcome: RequestOutcome, duration_s: float) -> None:
        """An accepted chat request ended, `duration_s` after it was accepted."""
        self._of(self._requests, mode, outcome).inc()
        self._of(self._duration, mode).observe(duration_s)

    def request_refused(self, mode: Mode) -> None:
        """A chat request was refused before it ran."""
        self._requests.labels(mode, "refused").inc()

    def answer_retried(self) -> None:
        """An answer showed nothing, and the model is asked again."""
        self._retries.inc()

    def calls_written(self, form: str, count: int) -> None:
        """A model wrote `count` tool calls as text in one of the known forms."""
        self._written_calls.labels(form).inc(count)

    def shape_disobeyed(self, shape: str, fault: str) -> None:
        """A reply shows that the model's server does not obey the request's shape."""
        self._disobeyed.labels(shape, fault).inc()

    def first_token(self, mode: Mode, elapsed_s: float) -> None:
        """The first text or block of a request went out, `elapsed_s` after it was accepted."""
        self._of(self._first_token, mode).observe(elapsed_s)

    def added_latency(self, elapsed_s: float) -> None:
        """A piece of a model's text was parsed and given to the device's socket or outbox in `elapsed_s`."""
        self._added_latency.observe(elapsed_s)

    def tokens(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> None:
        """Tokens of one request as the provider reported them; a negative count is taken as 0."""
        self._cached_tokens.inc(max(0, cached_tokens))
        self._of(self._tokens, "input").inc(max(0, input_tokens))
        self._of(self._tokens, "output").inc(max(0, output_tokens))

    def session_opened(self) -> None:
        self._sessions.inc()

    def session_closed(self) -> None:
        self._sessions.dec()

    def socket_closed(self, code: int) -> None:
        """A device socket closed. Codes outside the protocol and RFC 6455 count as `other`."""
        self._closed.labels(str(int(code)) if code in _CLOSE_CODES else OTHER).inc()

    def handshake_refused(self) -> None:
        """A connection was refused because too many handshakes waited."""
        self._handshakes_refused.inc()

    def socket_handed_over(self, outcome: Literal["served", "moved", "unreachable"]) -> None:
        """A device connected whose session was in another process."""
        self._handovers.labels(outcome).inc()

    def tool_called(self, tool: str, outcome: str, elapsed_s: float) -> None:
        """A device tool's call ended. `outcome` is an `agents.device.Outcome`; an unknown tool counts as `other`."""
        name = tool if tool in self._tools else OTHER
        self._tool_calls.labels(name, outcome).inc()
        self._tool_time.labels(name).observe(elapsed_s)

    def block_rejected(self, reason: str) -> None:
        """A block was skipped. `reason` is one that the parser or the formatter defines, never text of the model."""
        self._rejected.labels(reason).inc()

    def block_put_right(self, kind: str, count: int = 1) -> None:
        """The parser repaired `count` blocks of an answer in this way, without a model call."""
        self._put_right.labels(kind).inc(count)

    def block_repaired(self, outcome: RepairedAs, count: int = 1) -> None:
        """A model was asked once to correct `count` skipped blocks; `outcome` is that of each."""
        self._repairs.labels(outcome).inc(count)

    def outbox_stalled(self) -> None:
        self._stalls.inc()

    def http_answered(self, method: str, route: str | None, status: int) -> None:
        """`route` is the rule that matched, not the requested path; None if no rule matched."""
        self._http.labels(method if method in _HTTP_METHODS else OTHER, route or "unmatched", str(status)).inc()

    def recalled(self, outcome: MemoryOutcome, elapsed_s: float) -> None:
        """An answer got its recalled memory, or went on without it, after `elapsed_s` seconds."""
        self._of(self._recalls, outcome).inc()
        self._recall_time.observe(elapsed_s)

    def conversation_read(self, outcome: MemoryOutcome) -> None:
        """A request read the last exchanges of its conversation from memory, or went on without them."""
        self._conversation_reads.labels(outcome).inc()

    def stored(self, outcome: MemoryOutcome | Literal["quota_reached"]) -> None:
        """Storing an exchange before its answer ended had this outcome."""
        self._of(self._stores, outcome).inc()

    def enriched(self, outcome: str, episodes: int) -> None:
        """`outcome` is a `memory.enrichment.worker.Outcome`."""
        self._enriched.labels(outcome).inc(episodes)

    def entity_remembered(self, outcome: ChangeOutcome, count: int = 1) -> None:
        """`count` changes of entities had this outcome of storing them in memory.

        `failed`: can't be stored; `refused`: the queue was full; `lost`: still queued when the server stopped;
        `retried`: an attempt failed and is repeated.
        """
        self._memory_changes.labels(outcome).inc(count)

    def changes_missed(self, outcome: MissedOutcome) -> None:
        """A device connected that had missed changes: `sent`, `lost`, or `failed` if the log could not be read."""
        if outcome != "none":
            self._missed_changes.labels(outcome).inc()

    def answer_kept(self, outcome: KeptOutcome) -> None:
        """The result of an ended request was `kept`, or was not: `too_large`, `gone`, `failed`."""
        self._of(self._kept_answers, outcome).inc()

    def token_spend_failed(self, action: str) -> None:
        """A user's token count could not be read or written (`action`); a write is retried."""
        self._spend_faults.labels(action).inc()

    def model_failed(self, use: ModelUse, model: str, code: str) -> None:
        """A call of `model`, one of those in the settings, failed before its first token; it may be retried."""
        self._model_faults.labels(use, model, code).inc()

    def watch_pool(self, stats: Callable[[], PoolStats]) -> None:
        """Take the database pool's metrics from `stats` at each scrape. Called at most once."""
        self._registry.register(PoolCollector(stats))

    def watch_models(self, states: Callable[[], Sequence[ModelState]], calls: Callable[[], int]) -> None:
        """Take circuit breaker states and the number of running calls at each scrape. Called at most once."""
        self._registry.register(ModelCollector(states))
        self._watch("tessera_model_calls", "Running model calls.", calls)

    def watch_outboxes(self, queued_bytes: Callable[[], int]) -> None:
        """Take the number of bytes queued for devices at each scrape. Called at most once."""
        self._watch("tessera_outbox_bytes", "Bytes queued for devices and not yet sent.", queued_bytes)

    def watch_handshakes(self, waiting: Callable[[], int]) -> None:
        """Take the number of waiting handshakes at each scrape. Called at most once."""
        self._watch("tessera_handshakes_waiting", "Device handshakes that wait for their turn.", waiting)

    def watch_sessions(self, detached: Callable[[], int], log_bytes: Callable[[], int]) -> None:
        """Take the sessions without a socket and the size of all logs at each scrape. Called at most once."""
        self._watch(
            "tessera_sessions_detached",
            "Device sessions whose socket is lost and whose requests continue until it is back or the grace time ends.",
            detached,
        )
        self._watch("tessera_request_log_bytes", "Bytes of answers in memory that a resume can replay.", log_bytes)

    def watch_memory(self, waiting: Callable[[], int]) -> None:
        """Take the number of queued entity changes at each scrape. Called at most once."""
        self._watch("tessera_memory_mutations_waiting", "Entity changes queued for memory and not yet stored.", waiting)

    def watch_enrichment(self, waiting: Callable[[], int]) -> None:
        """Take the number of users whose exchanges wait for enrichment at each scrape. Called at most once."""
        self._watch(
            "tessera_memory_users_waiting",
            "Users with stored exchanges that this process has not yet enriched.",
            waiting,
        )

    def watch_loop(self, longest_s: Callable[[], float]) -> None:
        """Take the longest block of the event loop at each scrape. Called at most once."""
        self._watch("tessera_loop_block_seconds", "Longest block of the event loop in the last minute.", longest_s)

    def _watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        Gauge(name, help_text, registry=self._registry).set_function(read)

    def render(self) -> bytes:
        """All metrics in Prometheus's text format; its media type is `CONTENT_TYPE`."""
        return generate_latest(self._registry)
