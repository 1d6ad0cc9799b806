"""Calls a model over HTTP: one request, its answer as batches of deltas, every failure a `ModelError`."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

import httpx
import structlog
import trio
from pydantic import SecretStr

from streaming.chat import ChatRequest, Delta, ErrorDelta, FinishDelta, UsageDelta
from streaming.dialects import DIALECTS, Dialect, ModelHabits, ReasoningHabit, own_state, separates_reasoning
from streaming.http import HttptoolsTransport, ResponseBody, environment_transports, tls_context
from streaming.model.body import RequestBody, TimedReader
from streaming.model.client import StreamingClient
from streaming.model.decoder import ResponseDecoder
from streaming.model.delta_reader import DeltaReader
from streaming.model.direct import Direct, DirectBatches
from streaming.model.errors import ModelError, error_of_delta, error_of_status
from streaming.model.refusals import Refusals
from streaming.wire import ErrorCode

HttpTransport = Literal["httptools", "httpx"]

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z_]{1,63}")  # anything else may be text of the person, or a key
_MAX_REASONS = 20
log = structlog.get_logger(__name__)

# The statuses with which servers refuse a parameter that they do not know.
_REFUSED = frozenset({400, 404, 422})
_MAX_ERROR_BODY = 1 << 16
# Time limits for the usage after the finish reason, and for the end of the body after the last payload.
_TAIL_S = 5.0
# Keep-alives extend the wait for the first token to at most this many times its limit.
_MOST_WAITS = 4
_FIRST_TOKEN = "TESSERA_MODEL_FIRST_TOKEN_TIMEOUT_S"  # noqa: S105 - no secret: the name of a setting
_IDLE = "TESSERA_MODEL_IDLE_TIMEOUT_S"
_END_OF_BODY_S = 0.5


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The model, its address, and the time limits. Times are in seconds.

    `url` is the base to which the dialect's path is added, such as `https://api.openai.com/v1`. `first_token_timeout_s`
    runs from the request to the first delta. Any bytes before it, such as keep-alives, start it again, until four times
    this limit has passed: a slow local model still reads its prompt. `idle_timeout_s` runs between deltas; keep-alives
    do not extend it. `structured_output`: this model can hold its answers to a JSON Schema, if its dialect can.
    Without `keepalive` each call opens a new connection: some small servers break a connection after a stream.
    """

    name: str
    url: str = field(repr=False)
    key: SecretStr | None = None
    dialect: Dialect = DIALECTS["openai-chat"]
    connect_timeout_s: float = 10.0
    first_token_timeout_s: float = 120.0
    idle_timeout_s: float = 60.0
    structured_output: bool = False
    keepalive: bool = True
    max_response_bytes: int = 32 << 20
    max_event_bytes: int = 4 << 20

    def __post_init__(self) -> None:
        key = self.key.get_secret_value() if self.key is not None else ""
        if not (key.isascii() and all(character.isprintable() and character != " " for character in key)):
            raise ValueError("a model key consists of visible ASCII characters")
        if not _is_web_url(self.url):
            raise ValueError("a model URL begins with http:// or https:// and names a host")


def _is_web_url(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host)


def open_http_client(transport: HttpTransport = "httptools") -> httpx.AsyncClient:
    """An HTTP client for model streams: any number of connections, and no time limits but those of `ChatModel`.

    httpx's default of 100 connections would make the 101st answer wait. The proxies of the environment are used, but
    not for loopback addresses, where a local model listens. `transport` selects the HTTP/1.1 implementation: that of
    `streaming.http`, or httpx's own.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30.0)
    local = dict.fromkeys(f"all://{host}" for host in ("127.0.0.1", "localhost", "[::1]"))
    context = _tls_context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    own = transport == "httptools"
    default = (
        HttptoolsTransport(verify=context, limits=limits)
        if own
        else httpx.AsyncHTTPTransport(verify=context, limits=limits)
    )
    return StreamingClient(
        transport=default,
        timeout=None,
        trust_env=False,  # httpx raises for values of the proxy variables that other programs accept
        mounts={**environment_transports(limits, context, own=own), **local},
    )


@cache
def _tls_context(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The trusted certificates, which take 20 ms to read."""
    return tls_context(file, folder)


class ChatModel:
    """One model, called with `client`, which the caller owns and closes."""

    def __init__(self, client: httpx.AsyncClient, config: ModelConfig) -> None:
        self._client = client
        self._config = config
        self._refusals = Refusals()
        self._head: httpx.Request | None = None
        self._unknown_reasons: set[str] = set()
        origin = f"{config.dialect.name} {config.name} {config.url}"
        self._habits = ModelHabits(
            origin,
            ReasoningHabit.of_model(config.name),
            separates_reasoning=separates_reasoning(config.url, config.name),
        )

    def __repr__(self) -> str:
        return f"<ChatModel {self._config.name!r} ({self._config.dialect.name})>"

    @property
    def name(self) -> str:
        """The provider's name for the model."""
        return self._config.name

    @property
    def served(self) -> str:
        """The name that the server gave the model in its latest answer; "" if it gave none."""
        return self._habits.served

    @property
    def refuses_required(self) -> bool:
        """Whether the server refused the tool choice `required` with an HTTP error, so that it gets `auto`."""
        return self._refusals.refuses("required")

    @property
    def structured_output(self) -> bool:
        """Whether answers can be constrained to a JSON Schema: configuration and dialect allow it."""
        return self._config.structured_output and self._config.dialect.structured_output

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[list[Delta]]]:
        """Call the model and iterate over its answer in batches: all deltas of one read, at least one.

        Raises `ModelError` on entering and while iterating; deltas before a fault are yielded first, and no batch holds
        an `ErrorDelta`. An iteration that ends without an error held exactly one `FinishDelta`. On leaving, also by
        cancellation, the connection is closed, or returned to the pool if the body was read to its end. The iterator is
        a `DirectBatches`.
        """
        deadline = trio.current_time() + self._config.first_token_timeout_s
        response = await self._open(request, deadline)
        reader = TimedReader(response)
        try:
            direct = Direct()
            async with aclosing(self._batches(reader, deadline, direct)) as batches:
                yield DirectBatches(batches, direct)
        finally:
            await _abandon(response, reader.chunks)

    async def _open(self, request: ChatRequest, deadline: float) -> httpx.Response:
        """The response with status 200. Raises `ModelError`.

        Some servers and models refuse the tool choice `required`, strict tools, or a schema next to tools. Such a
        request is sent again without them, and once that has helped, this model does not get the field again.
        """
        if request.exact:
            return await self._send(request, deadline)
        fitted = self._refusals.fitted(request)
        try:
            response = await self._send(fitted, deadline)
        except ModelError as error:
            if error.status not in _REFUSED:
                raise
            refusal = error
        else:
            self._refusals.took(fitted)
            return response
        return await self._send_simpler(fitted, refusal, deadline)

    async def _send_simpler(self, request: ChatRequest, refusal: ModelError, deadline: float) -> httpx.Response:
        """The response to `request`, which was refused, without the refused field. Raises `ModelError`."""
        sent = {self._body(request)}
        for fields, simpler in self._refusals.simpler(request):
            body = self._body(simpler)
            if body in sent:
                continue  # the dialect does not send this field
            sent.add(body)
            try:
                response = await self._send(simpler, deadline)
            except ModelError as error:
                if error.status not in _REFUSED:
                    raise
                continue
            self._refusals.refused(fields, request)
            log.info("model_refuses", model=self.name, fields=fields)
            return response
        raise refusal

    def _body(self, request: ChatRequest) -> bytes:
        messages = own_state(request.messages, self._habits.origin)
        if messages is not request.messages:
            request = replace(request, messages=messages)
        return self._config.dialect.body(request, self._config.name)

    def _outgoing(self, body: bytes) -> httpx.Request:
        """The HTTP request. Only its body and the length of it differ between calls, unless the server set cookies."""
        if self._head is None or self._client.cookies:
            config = self._config
            key = config.key.get_secret_value() if config.key is not None else None
            # A compressor would hold back tokens until its buffer is full.
            headers = {**config.dialect.headers(key), "Accept-Encoding": "identity"}
            if not config.keepalive:
                headers["Connection"] = "close"
            self._head = self._client.build_request(
                "POST",
                config.url.rstrip("/") + config.dialect.path(config.name),
                content=b"{}",  # for a header with the length
                headers=headers,
                timeout=httpx.Timeout(None, connect=config.connect_timeout_s),
            )
        head = self._head
        # A copy of `httpx.Headers` is cheaper than new ones.
        request = httpx.Request(
            head.method, head.url, headers=head.headers, stream=RequestBody(body), extensions=dict(head.extensions)
        )
        request.headers["Content-Length"] = str(len(body))
        return request

    async def _send(self, request: ChatRequest, deadline: float) -> httpx.Response:
        config = self._config
        outgoing = self._outgoing(self._body(request))
        response: httpx.Response | None = None
        failure: ModelError | None = None
        with trio.move_on_at(deadline):
            try:
                response = await self._client.send(outgoing, stream=True)
            except httpx.HTTPError as error:
                failure = _failure(error)
        # Raised outside `except`: httpx's error may quote the request and must not be in the context.
        if failure is not None:
            raise failure
        if response is None:
            raise _too_late(config.first_token_timeout_s, _FIRST_TOKEN)
        if response.status_code != httpx.codes.OK:
            body = await self._error_body(response, deadline)
            # httpx's headers are case-insensitive.
            raise error_of_status(response.status_code, body, response.headers)
        return response

    async def _error_body(self, response: httpx.Response, deadline: float) -> bytes:
        """Read the body of a refusal, within limits of time and size, and close the response."""
        body = bytearray()
        chunks = response.aiter_bytes()
        try:
            with trio.move_on_at(min(deadline, trio.current_time() + _TAIL_S)):
                while len(body) < _MAX_ERROR_BODY and (chunk := await anext(chunks, None)) is not None:
                    body += chunk
        except httpx.HTTPError:
            pass  # The status says enough.
        finally:
            await _abandon(response, chunks)
        return bytes(body[:_MAX_ERROR_BODY])

    async def _batches(self, reader: TimedReader, deadline: float, direct: Direct) -> AsyncGenerator[list[Delta], None]:
        config = self._config
        limit, setting = config.first_token_timeout_s, _FIRST_TOKEN
        # The headers have arrived, so the server is at work.
        last = deadline + (_MOST_WAITS - 1) * limit
        begun = finished = False
        decoder = ResponseDecoder(
            config.dialect.decoder(self._habits),
            max_bytes=config.max_response_bytes,
            max_event_bytes=config.max_event_bytes,
        )
        reads = DeltaReader(reader, decoder, min(trio.current_time() + limit, last), limit)
        while not decoder.complete:
            deltas: list[Delta] | None = None
            failure: ModelError | None = None
            try:
                deltas = await reads.read(direct.take if begun and not finished else None)
            except httpx.ReadTimeout:
                failure = _too_late(limit, setting)
            except httpx.TransportError as error:
                # A connection that breaks in the middle of a body cuts the answer, as its regular end would.
                failure = None if isinstance(error, httpx.NetworkError | httpx.ProtocolError) else _failure(error)
            except httpx.HTTPError as error:
                failure = _failure(error)
            if failure is not None:
                if decoder.finished:
                    return  # The answer is complete; only its usage is lost.
                raise failure
            if not begun:
                reads.at = min(trio.current_time() + limit, last)
            deltas, fault = _until_fault(decoder.close() if deltas is None else deltas)
            if finished := decoder.finished:
                self._note_end(deltas, decoder.late_error)
            if deltas:
                yield deltas
                # Some providers send the prompt's token count before the answer begins.
                begun = begun or not all(isinstance(delta, UsageDelta) for delta in deltas)
                if begun:
                    # Set after `yield`: the consumer's time does not count against the model.
                    limit, setting = config.idle_timeout_s, _IDLE
                    reads.limit = min(limit, _TAIL_S) if finished else limit
                    reads.extend(reads.limit)
            if fault is not None:
                raise error_of_delta(fault)
        try:
            await reader.read(trio.current_time() + _END_OF_BODY_S)
        except httpx.HTTPError:
            return  # The answer is whole.

    def _note_end(self, deltas: list[Delta], late_error: ErrorDelta | None) -> None:
        """Log a finish reason that is not known, each once, and an error after the finish reason."""
        for delta in deltas:
            if isinstance(delta, FinishDelta) and delta.unknown is not None:
                name = delta.unknown if _IDENTIFIER.fullmatch(delta.unknown) else "(not an identifier)"
                if name not in self._unknown_reasons and len(self._unknown_reasons) < _MAX_REASONS:
                    self._unknown_reasons.add(name)
                    log.warning("unknown_finish_reason", model=self.name, reason=name)
        if late_error is not None:
            code = late_error.code if late_error.code and _IDENTIFIER.fullmatch(late_error.code) else None
            log.warning("model_error_after_end", model=self.name, code=code)


async def _abandon(response: httpx.Response, chunks: AsyncIterator[bytes]) -> None:
    """Close `response`, whether its body was read to the end or not.

    httpx's body is a chain of async generators, and none of them closes the next. Reading in a cancelled scope ends
    all of them, from the innermost outwards. Otherwise the garbage collector would close them later, with a warning.
    The body of `streaming.http` is an iterator, which has nothing to end.
    """
    if isinstance(chunks, ResponseBody):
        await response.aclose()
        return
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            async for _ in chunks:
                pass
        except httpx.HTTPError:
            pass  # The response is discarded anyway.
    await response.aclose()


def _failure(error: httpx.HTTPError) -> ModelError:
    """Convert httpx's exceptions. Their text is dropped, because it may quote the request."""
    match error:
        case httpx.ConnectTimeout():
            return ModelError(
                ErrorCode.MODEL_UNAVAILABLE, "The model's server did not accept a connection.", retryable=True
            )
        case httpx.TimeoutException():
            return ModelError(ErrorCode.MODEL_TIMEOUT, "The model's server did not answer in time.", retryable=True)
        case httpx.ConnectError():
            return ModelError(ErrorCode.MODEL_UNAVAILABLE, "The model's server cannot be reached.", retryable=True)
        case _:
            return ModelError(ErrorCode.MODEL_ERROR, "The connection to the model broke. Try again.", retryable=True)


def _until_fault(deltas: list[Delta]) -> tuple[list[Delta], ErrorDelta | None]:
    """The deltas before the first error, and the error."""
    for place, delta in enumerate(deltas):
        if isinstance(delta, ErrorDelta):
            return deltas[:place], delta
    return deltas, None


def _too_late(limit_s: float, setting: str) -> ModelError:
    return ModelError(
        ErrorCode.MODEL_TIMEOUT,
        f"The model gave no answer for {limit_s:g} s. Try again.",
        retryable=True,
        setting=setting,
    )
