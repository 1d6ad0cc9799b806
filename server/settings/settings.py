"""Every setting of the server, with its default, its limits and the line that `--help` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, field_validator

from agents.device import DEVICE_TOOLS
from memory.keys import check_master_key
from server.net import check_origin, parse_bind
from server.settings.account_settings import AccountSettings
from server.settings.fairness import FairnessSettings
from server.settings.fallback_models import (
    DialectName,
    FallbackModel,
    ShapeName,
    check_model_key,
    check_model_url,
    parse_fallbacks,
)
from server.settings.memory_settings import MemoryIndexSettings
from server.settings.network import NetworkSettings
from sql.driver import check_conninfo
from streaming.model import HttpTransport

MIN_ADMIN_TOKEN: Final = 16


def _check_bind(value: str) -> str:
    parse_bind(value)
    return value


Bind = Annotated[str, AfterValidator(_check_bind)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(FairnessSettings, AccountSettings, NetworkSettings, MemoryIndexSettings):
    """The configuration. The variable of the field `http_bind` is `TESSERA_HTTP_BIND`, and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    # Listeners, web pages and storage
    http_bind: Bind = Field("127.0.0.1:8000", description="HOST:PORT of the REST listener")
    ws_bind: Bind = Field("127.0.0.1:8765", description="HOST:PORT of the device socket listener")
    workers: int = Field(
        1, ge=1, le=256, description="number of worker processes on the same ports; above 1, a supervisor runs them"
    )
    relay: bool = Field(
        False,
        description="reach devices that are connected to other servers of this database; always on with several"
        " workers",
    )
    allowed_origins: list[Annotated[str, AfterValidator(check_origin)]] = Field(
        default_factory=list,
        description="origins of web pages that may connect, comma separated; the playground always may",
    )
    playground: bool = Field(True, description="serve the playground at / of the REST listener")
    playground_dir: Path | None = Field(
        None,
        description="folder of the built playground, read once at the start; unset: the one that the package contains",
    )
    state_dir: Path = Field(
        Path(".state"), description="folder of the embedded database, the generated master key and the embedding models"
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL URL; unset: start an embedded PostgreSQL, which needs the extra `embedded`"
    )
    database_owner_url: SecretStr | None = Field(
        None,
        description="PostgreSQL URL of the same database as the owner of its tables, for migrations; unset:"
        " TESSERA_DATABASE_URL",
    )
    database_listen_url: SecretStr | None = Field(
        None, description="URL that leads past a connection pooler, for notifications; unset: TESSERA_DATABASE_URL"
    )
    database_pool_size: int = Field(
        10, ge=1, le=500, description="maximum number of pooled database connections per process"
    )
    master_keys: list[SecretStr] = Field(
        default_factory=list,
        description="Fernet keys, comma separated; the first encrypts, all decrypt; unset: a key generated into"
        " the state folder",
    )
    key_shares_dir: Path | None = Field(
        None,
        description="folder of the users' key shares, the same for all servers; unset: in the state folder, but no"
        " key shares if TESSERA_DATABASE_URL and TESSERA_MASTER_KEYS are both set",
    )
    refuse_unbound_keys: bool = Field(
        False,
        description="refuse users' keys in the form of earlier releases, which is not bound to the user; set it after"
        " rotate-master-key",
    )

    # The model
    model_url: str | None = Field(None, description="base URL of the model's API; unset: the built-in demo model")
    local_model: str | None = Field(
        None,
        description="model to serve on this machine with llama.cpp, such as qwen2.5-coder-1.5b; `python -m server"
        " fetch-model` downloads it",
    )
    model_key: SecretStr | None = Field(None, description="API key of the model, sent only in a header")
    model_name: str | None = Field(None, description="name of the model that answers; required with TESSERA_MODEL_URL")
    router_model_name: str | None = Field(
        None, description="name of the model that chooses the agent; unset: the model that answers"
    )
    model_dialect: DialectName = Field(
        "openai-chat",
        description="API of the model: openai-chat, openai-responses, anthropic-messages or gemini-native",
    )
    model_reasoning: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="yes if the model rejects max_tokens and temperature, as gpt-5 and the o models do, no if it"
        " accepts them; auto: decide by the model's name",
    )
    model_shape: ShapeName = Field(
        "auto",
        description="how requests to the model are built: hosted (one phase), native (its server obeys tool_choice"
        " required) or schema (small models, servers that only obey a schema); auto: probe the model at the start",
    )
    fallback_models: list[FallbackModel] = Field(
        default_factory=list,
        description='models to use when the first one fails: a JSON list of {"name", "url", "key", "dialect", "shape"};'
        " only name is required",
    )
    model_connect_timeout_s: Seconds = Field(10, description="seconds to connect to the model; then the attempt fails")
    model_first_token_timeout_s: Seconds = Field(
        60,
        description="seconds to the model's first token; other bytes restart this time, at most four times; unset: 180"
        " for a self-hosted model",
    )
    model_idle_timeout_s: Seconds = Field(
        30, description="maximum number of seconds between two reads of a model stream; after that, the answer fails"
    )
    model_max_output_tokens: int = Field(4096, ge=1, description="maximum number of output tokens per model call")
    model_structured_output: bool = Field(
        False, description="require the blocks' JSON Schema in model calls without tools and in repairs"
    )
    http_transport: HttpTransport = Field(
        "httptools", description="HTTP/1.1 implementation for model calls: httptools (fast) or httpx"
    )
    model_keepalive: bool = Field(
        True, description="reuse connections to the model; false: open a new one for each call"
    )
    repair_timeout_s: float = Field(
        15, ge=0, le=600, description="seconds for the model to correct invalid blocks; 0: do not ask"
    )
    model_attempts: int = Field(3, ge=1, le=10, description="attempts per model before its first token")
    model_max_retry_after_s: float = Field(
        15,
        ge=0,
        le=600,
        description="maximum number of seconds to wait when the model sends Retry-After; if it asks for longer,"
        " use the next model",
    )
    model_breaker_failures: int = Field(
        5, ge=1, le=1000, description="consecutive failures that open a model's circuit breaker"
    )
    model_breaker_open_s: Seconds = Field(
        30, description="seconds a model's circuit breaker stays open before one trial request"
    )
    show_reasoning: bool = Field(False, description="show people the model's reasoning as a text block")
    router_asks: Literal["doubt", "always", "never"] = Field(
        "doubt",
        description="when the model chooses the agent: doubt (if the local classifier is not certain), always or never",
    )
    router_timeout_s: Seconds = Field(
        5, description="seconds for the model to choose the agent; after that, the local classifier chooses it"
    )

    record_dir: Path | None = Field(
        None, description="folder to which each model stream is recorded; unset: no recordings"
    )
    record_contents: bool = Field(False, description="record the text of model streams, not only times and sizes")

    # Memory
    memory_model_name: str | None = Field(
        None, description="model at TESSERA_MODEL_URL that summarises conversations for memory; unset: fixed rules do"
    )
    embedding_url: str | None = Field(
        None,
        description="base URL of an OpenAI-compatible embeddings API; unset: the embedding model in the state"
        " folder, if there is one",
    )
    embedding_key: SecretStr | None = Field(None, description="API key of the embeddings API, sent only in a header")
    embedding_model_name: str | None = Field(None, description="name of the embedding model at TESSERA_EMBEDDING_URL")
    embedding_dimensions: int = Field(
        1536, ge=1, le=1536, description="dimensions of the vectors of TESSERA_EMBEDDING_MODEL_NAME"
    )
    embedding_ask_dimensions: bool = Field(
        False,
        description="request TESSERA_EMBEDDING_DIMENSIONS from the API, for models that can shorten their vectors",
    )
    memory_recall_timeout_s: Seconds = Field(
        1.5, description="seconds to recall memory before an answer; after that, answer without memory"
    )
    conversation_tokens: int = Field(
        4_000,
        ge=0,
        le=100_000,
        description="maximum number of tokens (a quarter of the UTF-8 bytes) of a stored conversation that are sent to"
        " the model with a follow-up that brings no history; 0: none",
    )
    memory_store_timeout_s: Seconds = Field(
        5, description="maximum number of seconds that the end of an answer waits for memory to store it"
    )
    memory_top_k: int = Field(
        8, ge=0, le=100, description="maximum number of associative memories recalled per message"
    )
    memory_episodes: int = Field(5, ge=0, le=100, description="number of latest conversations recalled per message")
    memory_pattern_threshold: float = Field(
        0.5, ge=0, le=1, description="minimum confidence of a habit that is mentioned to the model"
    )
    changes_keep: int = Field(
        10_000, ge=0, description="maximum number of changes kept per user for devices that are away"
    )
    changes_keep_days: float = Field(
        30, gt=0, le=3650, description="days that a change is kept for devices that are away"
    )

    # The demo model
    demo_pace_s: float = Field(0.02, ge=0, le=10, description="demo model: seconds between tokens")
    demo_replay: Path | None = Field(None, description="demo model: answer with this recorded .sse file, byte for byte")
    demo_replay_chunk: int = Field(64, ge=1, description="demo model: bytes per write of a replay")

    # Limits
    max_frame_bytes: int = Field(1_048_576, ge=1024, description="maximum size of a frame from a device, in bytes")
    max_message_chars: int = Field(20_000, ge=1, description="maximum length of a chat message, in characters")
    max_concurrent_requests: int = Field(8, ge=1, le=1000, description="maximum number of running requests per device")
    max_frames_per_s: float = Field(50, gt=0, description="sustained frames per second that a device socket may send")
    max_frames_burst: int = Field(200, ge=1, description="frames that a device socket may send in one burst")
    max_sockets: int = Field(
        10_000,
        ge=1,
        description="maximum number of open device sockets, including those that have not sent device_hello",
    )
    max_handshakes: int = Field(
        16,
        ge=1,
        le=10_000,
        description="maximum number of device handshakes that are processed at the same time; others wait",
    )
    max_handshakes_waiting: int = Field(
        8000,
        ge=1,
        description="maximum number of device handshakes that wait to begin; when as many wait, or one has waited for 6"
        " seconds, connections are refused with HTTP 503",
    )
    outbox_bytes: int = Field(
        262_144,
        ge=4096,
        description="maximum number of bytes that wait for a device socket; its requests then wait too",
    )
    outbox_stall_s: Seconds = Field(
        30, description="seconds a full outbox may make no progress before its socket closes with 4008"
    )
    request_timeout_s: Seconds = Field(
        300, description="seconds for one chat request, including its tools; after that, it fails"
    )
    tool_timeout_s: Seconds = Field(30, description="seconds for one tool call on a device; after that, the call fails")
    approval_timeout_s: Seconds = Field(
        120,
        description="seconds for the person to approve a tool call and the device to run it; after that, the call"
        " fails",
    )
    approval_tools: list[str] = Field(
        default_factory=list,
        description="device tools that need approval in addition to the deletes, comma separated, such as"
        " create_task,update_task",
    )
    max_tokens_per_user_day: int | None = Field(
        None, ge=1, description="model tokens per user and UTC day; unset: no limit"
    )
    max_model_calls: int = Field(256, ge=1, le=100_000, description="maximum number of running model calls per host")
    model_call_wait_s: float = Field(
        5,
        ge=0,
        le=600,
        description="seconds a model call waits while TESSERA_MAX_MODEL_CALLS calls run, or its user has their share of"
        " them; after that, the call is refused; 0: refuse immediately",
    )
    max_tool_rounds: int = Field(
        6, ge=0, le=50, description="maximum number of model rounds with tools per request; 0: offer no tools"
    )
    max_tool_calls: int = Field(24, ge=1, le=500, description="maximum number of tool calls per request")

    # Sessions
    heartbeat_s: Seconds = Field(
        25, description="seconds between pings; a device that is silent for two intervals is closed with 4000"
    )
    resume_grace_s: Seconds = Field(
        120,
        description="seconds that the requests of a device continue after its socket is lost; after that, they fail",
    )
    answer_keep_s: Seconds = Field(
        900, description="seconds that the answer of an ended request can be fetched, and replayed to its device"
    )
    answer_log_bytes: int = Field(
        4_194_304,
        ge=65_536,
        description="maximum size of one answer in memory, in bytes; a longer answer fails with log_overflow",
    )
    session_log_bytes: int = Field(
        16_777_216,
        ge=65_536,
        description="maximum size of all answers of one device in memory, in bytes; over it, the oldest ended answers"
        " are dropped, then running ones wait, and only if that can't help, one fails with log_overflow",
    )
    hello_timeout_s: Seconds = Field(
        10, description="seconds for device_hello to arrive on a new socket; after that, the socket is closed"
    )
    drain_grace_s: float = Field(
        2.5, ge=0, le=600, description="seconds that running requests get to finish after SIGTERM"
    )

    admin_token: SecretStr | None = Field(
        None, description="bearer token of GET /debug/tasks, at least 16 characters; unset: the path answers 404"
    )

    otlp_endpoint: str | None = Field(
        None,
        description="base URL of an OpenTelemetry collector (OTLP over HTTP) for traces; unset: no traces",
    )

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level that is logged: debug, info, warning or error"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto",
        description="format of the log: console (readable text) or json; auto: console on a terminal, otherwise json",
    )

    @field_validator("approval_tools")
    @classmethod
    def _tools_exist(cls, value: list[str]) -> list[str]:
        unknown = [name for name in value if name not in DEVICE_TOOLS]
        if unknown:
            raise ValueError(
                f"unknown device tool: {', '.join(unknown)}; known tools are {', '.join(sorted(DEVICE_TOOLS))}"
            )
        return value

    @field_validator("allowed_origins", "master_keys", "approval_tools", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("master_keys")
    @classmethod
    def _keys_are_keys(cls, value: list[SecretStr]) -> list[SecretStr]:
        for number, key in enumerate(value, start=1):
            try:
                check_master_key(key.get_secret_value())
            except ValueError:
                raise ValueError(f"key {number} is not a Fernet key (32 bytes, URL-safe base64)") from None
        if len({key.get_secret_value() for key in value}) < len(value):
            raise ValueError("the same key is listed twice; remove one")
        return value

    @field_validator("model_key", "embedding_key")
    @classmethod
    def _model_key_fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        return check_model_key(value)

    @field_validator("fallback_models", mode="before")
    @classmethod
    def _parse_fallbacks(cls, value: Any) -> Any:
        return parse_fallbacks(value)

    @field_validator("model_url", "embedding_url", "otlp_endpoint")
    @classmethod
    def _model_url_is_http(cls, value: str | None) -> str | None:
        return value if value is None else check_model_url(value)

    @field_validator("database_url", "database_owner_url", "database_listen_url")
    @classmethod
    def _database_url_is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_conninfo(value.get_secret_value())
        return value

    @field_validator("admin_token")
    @classmethod
    def _admin_token_is_long(cls, value: SecretStr | None) -> SecretStr | None:
        text = "" if value is None else value.get_secret_value()
        if value is not None and (len(text) < MIN_ADMIN_TOKEN or not text.isascii() or " " in text):
            raise ValueError(f"must have at least {MIN_ADMIN_TOKEN} ASCII characters and no spaces")
        return value

    @field_validator("demo_replay")
    @classmethod
    def _replay_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("the file does not exist")
        return value
