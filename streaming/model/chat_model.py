"""Asking a model over HTTP: one request, its answer as batches of deltas, every failure a `ModelError`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

import httpx
import trio
from pydantic import SecretStr

from streaming.chat import ChatRequest, Delta, ErrorDelta, UsageDelta
from streaming.dialects import DIALECTS, Dialect
from streaming.http import HttptoolsTransport, environment_transports
from streaming.model.body import RequestBody, TimedReader
from streaming.model.decoder import ResponseDecoder
from streaming.model.errors import ModelError, error_of_delta, error_of_status
from streaming.wire import ErrorCode

HttpTransport = Literal["httptools", "httpx"]

_MAX_ERROR_BODY = 1 << 16
# After the finish reason only the usage is missing, and after the last payload only the end of the body.
_TAIL_S = 5.0
_END_OF_BODY_S = 0.5


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Which model, where, and how long to wait for it. Times are in seconds.

    `url` is the base below which the dialect's path lies, such as `https://api.openai.com/v1`. `first_token_timeout_s`
    runs from asking to the first delta, `idle_timeout_s` between deltas; a provider's keep-alives lengthen neither.
    `structured_output` says that this model may be asked for answers held to a JSON Schema, where its dialect can.
    Without `keepalive` each call has a connection of its own: some small servers break one that they have streamed on.
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
    """A client fit for model streams: as many connections as there are answers, and no time limits but `ChatModel`'s.

    httpx by itself allows 100 connections; the 101st answer would wait for another to end. The environment's proxies
    are used, though not for this machine's own addresses, where a local model listens. `transport` says whose HTTP/1.1
    it speaks: that of `streaming.http`, or httpx's own.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30.0)
    local = dict.fromkeys(f"all://{host}" for host in ("127.0.0.1", "localhost", "[::1]"))
    if transport == "httpx":
        return httpx.AsyncClient(limits=limits, timeout=None, mounts=local)  # noqa: S113 - `ChatModel` has deadlines
    context = httpx.create_ssl_context()
    return httpx.AsyncClient(
        transport=HttptoolsTransport(verify=context, limits=limits),
        timeout=None,  # noqa: S113 - `ChatModel` has deadlines of its own
        mounts={**environment_transports(limits, context), **local},
    )


class ChatModel:
    """One model, asked through `client`, which the caller owns and closes."""

    def __init__(self, client: httpx.AsyncClient, config: ModelConfig) -> None:
        self._client = client
        self._config = config

    def __repr__(self) -> str:
        return f"<ChatModel {self._config.name!r} ({self._config.dialect.name})>"

    @property
    def name(self) -> str:
        """The model's name, as the provider knows it."""
        return self._config.name

    @property
    def structured_output(self) -> bool:
        """Whether answers may be held to a JSON Schema: the configuration allows it and the dialect can."""
        return self._config.structured_output and self._config.dialect.structured_output

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[list[Delta]]]:
        """Ask, and give the answer as batches: all deltas that one read from the network gave, never none.

        Raises `ModelError` on entering and while iterating; deltas before a fault are given first, and no batch holds
        an `ErrorDelta`. An iteration that ends without an error held exactly one `FinishDelta`. On leaving, by whatever
        way, cancellation included, the connection is closed, or back in the pool when the body was read to its end.
        """
        deadline = trio.current_time() + self._config.first_token_timeout_s
        response = await self._open(request, deadline)
        reader = TimedReader(response)
        try:
            async with aclosing(self._batches(response, reader, deadline)) as batches:
                yield batches
        finally:
            await _abandon(response, reader.chunks)

    async def _open(self, request: ChatRequest, deadline: float) -> httpx.Response:
        config = self._config
        dialect = config.dialect
        key = config.key.get_secret_value() if config.key is not None else None
        # Compressed, a stream would come in the compressor's own lumps.
        headers = {**dialect.headers(key), "Accept-Encoding": "identity"}
        if not config.keepalive:
            headers["Connection"] = "close"
        body = dialect.body(request, config.name)
        outgoing = self._client.build_request(
            "POST",
            config.url.rstrip("/") + dialect.path(config.name),
            content=body,
            headers=headers,
            timeout=httpx.Timeout(None, connect=config.connect_timeout_s),
        )
        outgoing.stream = RequestBody(body)
        response: httpx.Response | None = None
        failure: ModelError | None = None
        with trio.move_on_at(deadline):
            try:
                response = await self._client.send(outgoing, stream=True)
            except httpx.HTTPError as error:
                failure = _failure(error)
        # Raised out here, so that no httpx error, which may quote the request, is left in the context.
        if failure is not None:
            raise failure
        if response is None:
            raise _too_late(config.first_token_timeout_s)
        if response.status_code != httpx.codes.OK:
            body = await self._error_body(response, deadline)
            # httpx's headers know their names in any case.
            raise error_of_status(response.status_code, body, response.headers)
        return response

    async def _error_body(self, response: httpx.Response, deadline: float) -> bytes:
        """What there is, in time and in bounds, of the body of a refusal. The response is closed."""
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

    async def _batches(
        self, response: httpx.Response, reader: TimedReader, deadline: float
    ) -> AsyncGenerator[list[Delta], None]:
        config = self._config
        limit = config.first_token_timeout_s
        begun = False
        decoder = ResponseDecoder(
            config.dialect.decoder(),
            event_stream=not response.headers.get("content-type", "").startswith("application/json"),
            max_bytes=config.max_response_bytes,
            max_event_bytes=config.max_event_bytes,
        )
        while not decoder.complete:
            chunk: bytes | None = None
            failure: ModelError | None = None
            try:
                chunk = await reader.read(deadline)
            except httpx.ReadTimeout:
                failure = _too_late(limit)
            except httpx.HTTPError as error:
                failure = _failure(error)
            if failure is not None:
                if decoder.finished:
                    return  # The answer is whole; only its usage is lost.
                raise failure
            deltas = decoder.close() if chunk is None else decoder.feed(chunk)
            fault: ErrorDelta | None = None
            for delta in deltas:
                if isinstance(delta, ErrorDelta):
                    fault = delta
                    deltas = deltas[: deltas.index(fault)]
                    break
            if deltas:
                yield deltas
                # Some providers count the prompt's tokens before the model has begun to answer.
                begun = begun or not all(isinstance(delta, UsageDelta) for delta in deltas)
                if begun:
                    # Counted from here: the time that the consumer takes is not the model's.
                    limit = config.idle_timeout_s
                    deadline = trio.current_time() + (min(limit, _TAIL_S) if decoder.finished else limit)
            if fault is not None:
                raise error_of_delta(fault)
        try:
            await reader.read(trio.current_time() + _END_OF_BODY_S)
        except httpx.HTTPError:
            return  # The answer is whole.


async def _abandon(response: httpx.Response, chunks: AsyncIterator[bytes]) -> None:
    """Close `response`, whether its body was read to the end or not.

    httpx's body is a chain of async generators of which none closes the next. Reading on in a cancelled scope unwinds
    all of them from the innermost outwards, as a cancelled reader does; left to the garbage collector they would be
    closed at some later time, with a warning.
    """
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            async for _ in chunks:
                pass
        except httpx.HTTPError:
            pass  # It is being thrown away.
    await response.aclose()


def _failure(error: httpx.HTTPError) -> ModelError:
    """The border at which httpx's exceptions end. Nothing of their text is kept: it may quote the request."""
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


def _too_late(limit_s: float) -> ModelError:
    return ModelError(
        ErrorCode.MODEL_TIMEOUT, f"The model gave no answer for {limit_s:g} s. Try again.", retryable=True
    )
