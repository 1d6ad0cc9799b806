"""Every setting of the server: `TESSERA_*` environment variables, validated at start, all mistakes reported at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo

from agents.device import DEVICE_TOOLS
from memory.keys import check_master_key
from server.net import check_origin, parse_bind
from server.settings.fallback_models import (
    DialectName,
    FallbackModel,
    check_model_key,
    check_model_url,
    parse_fallbacks,
)
from sql.driver import check_conninfo
from streaming.model import HttpTransport

PREFIX: Final = "TESSERA_"
# The terminal client's own variables, which may be set in the same shell.
CLIENT_PREFIX: Final = "TESSERA_CLIENT_"
MIN_ADMIN_TOKEN: Final = 16


class SettingsError(Exception):
    """The environment does not make a valid configuration. `mistakes` has one line per setting, naming it."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def _check_bind(value: str) -> str:
    parse_bind(value)
    return value


Bind = Annotated[str, AfterValidator(_check_bind)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(BaseModel):
    """The configuration. A field's variable is `TESSERA_` and its upper-case name; `--help` prints its description."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    # Where it listens and keeps things
    http_bind: Bind = Field("127.0.0.1:8000", description="HOST:PORT of the REST listener")
    ws_bind: Bind = Field("127.0.0.1:8765", description="HOST:PORT of the device socket listener")
    workers: int = Field(1, ge=1, le=256, description="processes on the same ports; more than one are supervised")
    relay: bool = Field(
        False,
        description="reach devices that are connected to other servers of this database; with several workers always",
    )
    allowed_origins: list[Annotated[str, AfterValidator(check_origin)]] = Field(
        default_factory=list, description="origins of web pages that may connect beside the playground, comma separated"
    )
    playground: bool = Field(True, description="serve the playground at / of the REST listener")
    playground_dir: Path = Field(Path("client/playground/dist"), description="folder of the built playground")
    state_dir: Path = Field(Path(".state"), description="folder of the embedded database and the generated master key")
    database_url: SecretStr | None = Field(None, description="PostgreSQL URL; unset: an embedded PostgreSQL is started")
    database_owner_url: SecretStr | None = Field(
        None, description="the same database as the owner of its tables, for migrations; unset: TESSERA_DATABASE_URL"
    )
    database_pool_size: int = Field(10, ge=1, le=500, description="connections at most")
    master_keys: list[SecretStr] = Field(
        default_factory=list, description="Fernet keys, comma separated; the first encrypts, all decrypt"
    )
    key_shares_dir: Path | None = Field(
        None,
        description="folder of the users' key shares, the same for all servers; unset: in the state folder beside an"
        " embedded database, else none",
    )

    # The model
    model_url: str | None = Field(None, description="base URL of the model's API; unset: the built-in demo model")
    model_key: SecretStr | None = Field(None, description="API key, sent in a header only")
    model_name: str | None = Field(None, description="model that answers")
    router_model_name: str | None = Field(None, description="model that classifies intent; unset: the one that answers")
    model_dialect: DialectName = Field(
        "openai-chat", description="the API: openai-chat, openai-responses, anthropic-messages or gemini-native"
    )
    model_reasoning: Literal["auto", "yes", "no"] = Field(
        "auto", description="the model refuses max_tokens and temperature, as gpt-5 and the o models do; auto: by name"
    )
    fallback_models: list[FallbackModel] = Field(
        default_factory=list, description='models asked next, JSON: [{"name": ..., "url"?, "key"?, "dialect"?}, ...]'
    )
    model_connect_timeout_s: Seconds = Field(10, description="to connect to the model")
    model_first_token_timeout_s: Seconds = Field(60, description="from the request to the first bytes")
    model_idle_timeout_s: Seconds = Field(30, description="between two reads of the stream")
    model_max_output_tokens: int = Field(4096, ge=1, description="asked of the model per call")
    model_structured_output: bool = Field(
        False, description="hold answers without tools, and repairs, to the JSON Schema of the blocks"
    )
    http_transport: HttpTransport = Field("httptools", description="HTTP/1.1 of model calls: httptools (fast) or httpx")
    model_keepalive: bool = Field(True, description="reuse connections to the model; false: one for each call")
    repair_timeout_s: float = Field(15, ge=0, le=600, description="to correct blocks that were skipped; 0: never asked")
    model_attempts: int = Field(3, ge=1, le=10, description="each model is asked so often before its first token")
    model_max_retry_after_s: float = Field(15, ge=0, le=600, description="a longer Retry-After gives the model up")
    model_breaker_failures: int = Field(5, ge=1, le=1000, description="in a row, then the model is left alone")
    model_breaker_open_s: Seconds = Field(30, description="for so long; then one request tries it")
    show_reasoning: bool = Field(False, description="show people the model's reasoning, as a text block")
    router_timeout_s: Seconds = Field(5, description="for classifying intent; then keywords decide")

    record_dir: Path | None = Field(None, description="write each model stream to a file in this folder")
    record_contents: bool = Field(False, description="recordings have the text, not only times and sizes")

    # Memory
    memory_model_name: str | None = Field(
        None, description="model of TESSERA_MODEL_URL that summarises for memory; unset: rules do"
    )
    embedding_url: str | None = Field(
        None,
        description="base URL of an OpenAI-compatible embeddings API; unset: the model in the state folder, if any",
    )
    embedding_key: SecretStr | None = Field(None, description="its API key, sent in a header only")
    embedding_model_name: str | None = Field(None, description="model that embeds")
    embedding_dimensions: int = Field(1536, ge=1, le=1536, description="numbers in its vectors")
    embedding_ask_dimensions: bool = Field(False, description="ask it for so many, for models that can shorten")
    memory_recall_timeout_s: Seconds = Field(1.5, description="for recalling before an answer; then it goes without")
    memory_store_timeout_s: Seconds = Field(5, description="for storing an exchange before its answer ends")
    memory_top_k: int = Field(8, ge=0, le=100, description="associative memories recalled per message, at most")
    memory_episodes: int = Field(5, ge=0, le=100, description="latest conversations recalled")
    memory_pattern_threshold: float = Field(0.5, ge=0, le=1, description="least confidence of a habit brought up")

    # The demo model
    demo_pace_s: float = Field(0.02, ge=0, le=10, description="demo model: seconds between tokens")
    demo_replay: Path | None = Field(None, description="demo model: answer with this recorded .sse file, byte for byte")
    demo_replay_chunk: int = Field(64, ge=1, description="demo model: bytes per write of a replay")

    # Limits
    max_frame_bytes: int = Field(1_048_576, ge=1024, description="of one inbound frame")
    max_message_chars: int = Field(20_000, ge=1, description="of one chat message")
    max_concurrent_requests: int = Field(8, ge=1, le=1000, description="per device socket")
    max_frames_per_s: float = Field(50, gt=0, description="sustained inbound frames per second and socket")
    max_frames_burst: int = Field(200, ge=1, description="inbound frames at once")
    max_sockets: int = Field(10_000, ge=1, description="device sockets at once, those before their hello included")
    outbox_bytes: int = Field(262_144, ge=4096, description="queued per socket before its requests wait")
    outbox_stall_s: Seconds = Field(30, description="a full outbox that makes no progress so long closes with 4008")
    request_timeout_s: Seconds = Field(300, description="of one request, tools included")
    tool_timeout_s: Seconds = Field(30, description="of one tool call on the device")
    approval_timeout_s: Seconds = Field(120, description="of one tool call that the person must approve")
    approval_tools: list[str] = Field(
        default_factory=list, description="device tools that need approval beside the deletes, comma separated"
    )
    max_tokens_per_user_day: int | None = Field(None, ge=1, description="model tokens per user and UTC day; unset: any")
    max_model_calls: int = Field(256, ge=1, le=100_000, description="model calls at once in this process")
    model_call_wait_s: float = Field(5, ge=0, le=600, description="a call waits so long for a place, then is refused")
    max_tool_rounds: int = Field(6, ge=0, le=50, description="model rounds with tools per request; 0: no tools")
    max_tool_calls: int = Field(24, ge=1, le=500, description="tool calls per request")

    # Sessions
    heartbeat_s: Seconds = Field(25, description="between pings; two silent intervals close with 4000")
    hello_timeout_s: Seconds = Field(10, description="for device_hello to arrive")
    access_token_ttl_s: int = Field(3600, ge=1, le=2_592_000, description="lifetime of an access token")
    drain_grace_s: float = Field(2.5, ge=0, le=600, description="running requests get after SIGTERM")

    admin_token: SecretStr | None = Field(
        None, description="bearer of GET /debug/tasks, 16 characters at least; unset: nobody sees what runs"
    )

    otlp_endpoint: str | None = Field(
        None,
        description="base URL of an OpenTelemetry collector, OTLP over HTTP, that gets traces; unset: none are made",
    )

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level that is logged")
    log_format: Literal["auto", "console", "json"] = Field("auto", description="auto: console on a terminal, else json")

    @field_validator("approval_tools")
    @classmethod
    def _tools_exist(cls, value: list[str]) -> list[str]:
        unknown = [name for name in value if name not in DEVICE_TOOLS]
        if unknown:
            raise ValueError(f"no such device tool: {', '.join(unknown)}")
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
            raise ValueError("a key is listed twice")
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

    @field_validator("database_url", "database_owner_url")
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
            raise ValueError(f"must be {MIN_ADMIN_TOKEN} ASCII characters or more, without spaces")
        return value

    @field_validator("demo_replay")
    @classmethod
    def _replay_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("no such file")
        return value


def _misfits(given: Mapping[str, str]) -> Iterator[str]:
    """Settings that are right by themselves and wrong together. `given` maps field names to what the variables hold."""
    if "model_url" in given:
        if "model_name" not in given:
            yield f"{PREFIX}MODEL_NAME: must be set when {PREFIX}MODEL_URL is"
        if "demo_replay" in given:
            yield f"{PREFIX}DEMO_REPLAY: has no use with {PREFIX}MODEL_URL"
    else:
        for name in ("model_key", "model_name", "router_model_name", "fallback_models", "memory_model_name"):
            if name in given:
                yield f"{PREFIX}{name.upper()}: has no use without {PREFIX}MODEL_URL"
    if "record_contents" in given and "record_dir" not in given:
        yield f"{PREFIX}RECORD_CONTENTS: has no use without {PREFIX}RECORD_DIR"
    if ("embedding_url" in given) != ("embedding_model_name" in given):
        yield f"{PREFIX}EMBEDDING_URL: goes with {PREFIX}EMBEDDING_MODEL_NAME"
    http_bind = given.get("http_bind", Settings.model_fields["http_bind"].default)
    if given.get("ws_bind", Settings.model_fields["ws_bind"].default) == http_bind and not http_bind.endswith(":0"):
        yield f"{PREFIX}WS_BIND: must differ from {PREFIX}HTTP_BIND"


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`. Raises `SettingsError` that names every mistake; values are never repeated in it."""
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value != ""}
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    mistakes = []
    for name in sorted(name for name in given.keys() - known.keys() if not name.startswith(CLIENT_PREFIX)):
        close = difflib.get_close_matches(name, known, n=1)
        mistakes.append(f"{name}: no such setting" + (f"; did you mean {close[0]}?" if close else ""))
    fields = {known[name]: value for name, value in given.items() if name in known}
    try:
        settings = Settings.model_validate(fields)
    except ValidationError as error:
        mistakes += [
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {_sentence(fault['msg'])}"
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    mistakes += _misfits(fields)
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def describe_settings() -> str:
    """Every variable with its default and meaning, a line each, for `--help`."""
    lines = [
        f"  {PREFIX}{name.upper():<30} {field.description} [{_default(field)}]"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(lines)


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    return "unset" if value is None or value == [] else str(value)
