"""One accepted chat request: route, run the agent, format its blocks, count and report."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

import structlog
import trio

from agents.binding import Binder
from agents.block_admission import BlockAdmission
from agents.orchestrator import Orchestrator
from agents.registry import BY_ENTITY
from agents.turn import Turn
from person import Sentences, StatedLocale
from server.answers.admission import Reservation
from server.answers.emitter import Emitter
from server.answers.last_frame import Status, last_frame
from server.answers.ordered_frames import OrderedFrames, open_ordered_frames
from server.answers.outcome import corrections, failure_after_change, failure_of, shows_nothing
from server.answers.pieces import Pieces
from server.answers.preparation import Preparation
from server.answers.repairs import corrected_blocks, degraded_blocks, unshown_blocks
from server.answers.report import record_end
from server.devices import RemoteDevice
from server.memory_service import AnswerMemory, facts_of
from server.models import Caller
from server.requests import AnswerLimits, ChatInput, EmitFast, RequestFailed
from server.telemetry import (
    LiveRequest,
    Metrics,
    Span,
    agent_span,
    live_request,
    note_end,
    request_span,
)
from sql.owners import urgent
from streaming.answer import HomeFormatter, PopupFormatter, UnfetchedBlock, UnshownBlocks
from streaming.model import ModelError
from streaming.wire import (
    AnswerFrame,
    ErrorCode,
    WsFailure,
    WsMutationRecord,
    WsStreamEnd,
    WsToolEvent,
)

log = structlog.get_logger(__name__)

_INTERNAL: Final = WsFailure(
    code=ErrorCode.INTERNAL, message="The server failed to answer; the fault is logged.", retryable=True
)


async def _report(emit: Emitter, event: WsToolEvent) -> None:
    # The answer's log may be full. The outcome of the call counts all the same; the next frame fails the answer.
    with suppress(RequestFailed):
        if (room := emit(event)) is not None:
            await room


@dataclass(frozen=True, slots=True)
class AnswerParts:
    """The dependencies that every answer shares. `trace` receives the spans of finished requests."""

    orchestrator: Orchestrator
    metrics: Metrics
    limits: AnswerLimits
    memory: AnswerMemory
    trace: Callable[[Span], None] | None


class Answer:
    """One accepted request. Call `run` once, then `store`, `end` for its last frame, and `close`."""

    def __init__(
        self,
        parts: AnswerParts,
        chat: ChatInput,
        device: RemoteDevice,
        turn: Turn,
        asked_at: float,
        locales: Sequence[StatedLocale],
        reservation: Reservation,
        ended: Callable[[], object],
    ) -> None:
        """`asked_at` is in seconds since the epoch. `ended` is called when the answer is closed.

        `locales`: what the request and its device say about the person's locale; core memory adds what it knows.
        """
        self._parts = parts
        self._orchestrator = parts.orchestrator
        self._metrics = parts.metrics
        self._limits = parts.limits
        self._memory = parts.memory
        self._preparation = Preparation(parts.memory, parts.orchestrator, chat, device, turn, locales)
        self._chat, self._device, self._turn = chat, device, turn
        self._asked_at = asked_at
        self._reservation = reservation
        self._caller = Caller(chat.user_id, reservation.entry)
        self._ended = ended
        self._status: Status | Literal["refused"] = "cancelled"
        self._spans = ExitStack()
        self._state = "recalling"
        self._agent: str | None = None
        self._block_types: list[str] = []
        # What the device has reported, also if the task that asked for it was cancelled before.
        self._changes: list[WsMutationRecord] = []
        self._failure: WsFailure | None = None
        self._answered = 0  # blocks that show what the model wrote
        self._unshown: Sequence[UnshownBlocks] = ()
        # The text that was shown.
        self._to_store: str | None = None
        self._facts: Sequence[Mapping[str, Any]] = ()
        self._not_stored: WsFailure | None = None
        self._started = trio.current_time()
        self._first_token_seen = False
        self._items = parts.orchestrator.block_items(turn)
        bind = Binder(turn.tool_results, lambda: turn.calendar, self._sentences).bind
        data = (chat.request_id, turn.tool_results.resolve, bind)
        if chat.mode == "popup":
            self._formatter: HomeFormatter | PopupFormatter = PopupFormatter(
                *data,
                is_unfetched=self._items.unfetched,
                calendar=lambda: turn.calendar,
                sentences=self._sentences,
            )
        else:
            self._formatter = HomeFormatter(
                *data,
                is_unfetched=self._items.unfetched,
                admit=BlockAdmission(turn).admit,
                announce_opened=chat.block_open,
                sentences=self._sentences,
            )

    def live(self) -> LiveRequest:
        """What the request does now, for an operator."""
        age_s = trio.current_time() - self._started
        chat = self._chat
        state = "routing" if self._preparation.routing else self._state
        return live_request(chat.request_id, chat.user_id, chat.mode, self._agent, state, age_s, self._device.live())

    async def run(self, emit: EmitFast) -> None:
        """Answer, giving each frame but the last to `emit`.

        Raises only `Cancelled`, what `emit` raises, and, before the first frame, `RequestRefused`.
        """
        trace = request_span(self._parts.trace, self._chat.mode, self._chat.request_id)
        with urgent(), self._caller.calling(), trace as root, self._spans:
            refused = await self._preparation.confirm(self._reservation)
            self._status = "refused" if refused is not None else await self._run(emit)
            note_end(root, self._agent, self._status, self._failure, self._turn.usage)
        if refused is not None:
            raise refused

    async def _run(self, emit: EmitFast) -> Literal["completed", "failed"]:
        emitter = Emitter(emit, self._metrics.added_latency)
        if self._chat.tool_events:
            self._device.report = partial(_report, emitter)
        try:
            async with open_ordered_frames(emitter, self._fetched, self._limits.request_s) as frames:
                await self._answer(emitter, frames)
        except ModelError as error:
            self._failure = WsFailure(code=error.code, message=str(error), retryable=error.retryable)
            log.warning("request_failed", code=error.code, reason=str(error), setting=error.setting)
        except RequestFailed as failed:
            self._failure = failed.failure
            log.info("request_failed", code=failed.failure.code)
        except trio.TooSlowError:
            self._failure = WsFailure(
                code=ErrorCode.REQUEST_TIMEOUT,
                message=f"The answer took longer than {self._limits.request_s:g} s.",
                retryable=True,
            )
            log.warning("request_failed", code=ErrorCode.REQUEST_TIMEOUT, setting="TESSERA_REQUEST_TIMEOUT_S")
        # The boundary of one request: a fault ends this request with `failed` and touches no other. The caller handles
        # what its own `emit` raised.
        except Exception as error:
            if emitter.raised is error:
                raise
            self._failure = _INTERNAL
            log.exception("request_failed", code=ErrorCode.INTERNAL)
        finally:
            self._block_types = [block.block_type for block in emitter.blocks]
            if self._formatter.answered or self._turn.mutations:
                # Also if it failed or is cancelled: the person has seen it, and a follow-up may mean it.
                self._keep(emitter)
        if self._failure is not None:
            return "failed"
        self._failure = failure_of(self._turn, self._answered, self._unshown, self._sentences())
        if self._failure is not None:
            log.info("request_failed", code=self._failure.code)
        return "completed" if self._failure is None else "failed"

    def _keep(self, emitter: Emitter) -> None:
        """Have `store` store what was shown, unless the person does not want it stored."""
        if not self._preparation.obeyed.stored:
            return
        self._to_store = emitter.text
        self._facts = facts_of(emitter.blocks, self._turn.tool_results.all(), self._turn.mutations)

    async def _answer(self, emit: Emitter, frames: OrderedFrames) -> None:
        await self._preparation.obey(self._sentences())
        started = False
        scope = self._turn.scope
        if scope is not None:
            # The domain is known without a model, so a popup's first frame is sent before the device is asked.
            for frame in self._formatter.start(BY_ENTITY[scope.type].name):
                await frames.put_all([frame])
            started = True
            self._state = "scoping"
            await self._preparation.read_for_popup(scope)
        if self._turn.agent_name is None:
            await self._preparation.route()
        async with aclosing(self._orchestrator.orchestrate_v3_stream(self._turn)) as tokens:
            # In the shape `schema` this waits for the first tool, which names the agent.
            agent_name, _ = await anext(tokens)
            self._agent = agent_name
            self._state = "model"
            self._spans.enter_context(agent_span(agent_name))
            if not started:
                for frame in self._formatter.start(agent_name):
                    await frames.put_all([frame])
            await self._show(tokens, emit, frames)
        await frames.settle()
        if isinstance(self._formatter, HomeFormatter):
            self._state = "repairing"
            await frames.put_all(await corrected_blocks(self._orchestrator, self._turn, self._formatter, self._metrics))
            await frames.settle()
        await self._show_rest(emit, frames)
        if self._preparation.obeyed.note:
            self._answered += 1
            await frames.put_all(self._formatter.append(self._preparation.obeyed.note))

    async def _show_rest(self, emit: Emitter, frames: OrderedFrames) -> None:
        """Show readable data of rejected blocks. Ask again if the answer shows nothing. Add the server's sentences."""
        formatter, turn = self._formatter, self._turn
        await frames.put_all(degraded_blocks(formatter, self._metrics))
        unshown = formatter.take_unshown()
        if shows_nothing(turn, formatter.answered):
            self._state = "model"
            self._metrics.answer_retried()
            async with aclosing(self._orchestrator.retry_stream(turn)) as retried:
                await self._show(retried, emit, frames)
            await frames.settle()
            await frames.put_all(degraded_blocks(formatter, self._metrics))
            # The second answer replaces the first one, so the blocks of the first one are not named.
            again = formatter.take_unshown()
            unshown = again or unshown if shows_nothing(turn, formatter.answered) else again
        self._answered = formatter.answered
        if shows_nothing(turn, self._answered) and not self._preparation.obeyed.note:
            self._unshown = list(unshown.values())
        else:
            await frames.put_all(unshown_blocks(formatter, unshown, self._metrics))
        obeyed = self._preparation.obeyed
        if obeyed.forgotten and not obeyed.stored:
            turn.unchanged = False  # the message asked for nothing but what memory did
        for line in corrections(turn, self._answered, self._sentences()):
            await frames.put_all(formatter.append(line))

    async def _show(self, tokens: AsyncIterable[tuple[str, str]], emit: Emitter, frames: OrderedFrames) -> None:
        """Emit the frames of a part of the answer."""
        # Most text goes directly from the model call to `take`. The iterator has the rest, such as the first token.
        take = self._turn.take_text = Pieces(self._formatter, emit, frames).take
        async for _, token in tokens:
            if not self._first_token_seen:
                self._first_token_seen = True
                self._state = "streaming"
                self._metrics.first_token(self._chat.mode, trio.current_time() - self._started)
            if (room := take(token)) is not None:
                await room
        self._turn.take_text = None
        await frames.put_all(self._formatter.close())

    async def _fetched(self, unfetched: UnfetchedBlock) -> Sequence[AnswerFrame]:
        """The frames of a value-bound block whose items are listed on the device first."""
        return self._formatter.complete(unfetched, await self._items.fetch(unfetched.block))

    @property
    def time_zone(self) -> str:
        """The person's time zone, an IANA name."""
        return self._turn.locale.time_zone

    def changed(self, record: WsMutationRecord) -> None:
        """The device made a change for this request. The session has recorded it."""
        self._changes.append(record)

    def _mutations(self) -> list[WsMutationRecord]:
        known = self._turn.mutations
        return [*known, *(record for record in self._changes if record not in known)]

    def _sentences(self) -> Sentences:
        """Sentences in the person's language. Memory may state it later than the request."""
        return Sentences.of(self._turn.locale.language)

    async def check_quota(self) -> None:
        """Find out whether the exchange may be stored: `end` says so. Raises nothing but `Cancelled`."""
        if self._to_store is None:
            await trio.lowlevel.checkpoint()
        else:
            self._not_stored = await self._memory.quota_reached(self._chat.user_id)

    async def store(self) -> None:
        """Store the exchange in memory, if it shows or changed something, and the user's quota is not reached.

        It is marked as incomplete unless the model finished and the answer did not fail.

        Call it after `check_quota`. Raises nothing but `Cancelled`.
        """
        if self._to_store is None or self._not_stored is not None:
            await trio.lowlevel.checkpoint()
            return
        self._state = "storing"
        asked_at = datetime.fromtimestamp(self._asked_at, UTC)
        complete = self._turn.finish == "stop" and self._failure is None
        locale = self._turn.locale
        chat, response = self._chat, self._to_store
        if self._preparation.obeyed.message is not None:
            # The answer is about the forgotten item too, so only the rest of the message is stored.
            chat, response = replace(chat, message=self._preparation.obeyed.message), ""
        await self._memory.store(
            chat,
            response,
            self._agent,
            self._preparation.recalled,
            asked_at,
            complete=complete,
            time_zone=None if locale.time_zone_source == "default" else locale.time_zone,
            facts=self._facts,
        )

    def without_places(self) -> AbstractAsyncContextManager[None]:
        """Inside the block, the request waits for its client: its model calls hold no places of others."""
        return self._caller.without_places()

    def hang_up(self) -> None:
        """The caller has just cancelled `run`: close the connections to the models before any other task runs."""
        self._caller.hang_up()

    def fail(self, failure: WsFailure) -> None:
        """The caller cancelled `run` because of `failure`: the request ends as failed, not as cancelled."""
        self._status, self._failure = "failed", failure

    def end(self) -> WsStreamEnd:
        """The last frame of a request that was not refused."""
        mutations = self._mutations()
        failure = self._failure if self._status == "failed" else None
        if failure is not None and failure.retryable and (mutations or self._device.may_have_changed):
            failure = failure_after_change(failure, self._sentences() if self._turn.locale.language else None)
        return last_frame(
            self._chat.request_id,
            self._turn,
            "cancelled" if self._status == "refused" else self._status,
            shown=max(0, self._formatter.shown - self._turn.reasoning_blocks),
            mutations=mutations,
            memory_used=list(self._preparation.recalled.used(self._sentences())) or None,
            failure=failure,
            not_stored=self._not_stored,
        )

    def close(self) -> None:
        """Release the request's place and record its outcome and what it cost."""
        self._ended()
        self._reservation.close()
        if self._status == "refused":
            return
        elapsed_s = trio.current_time() - self._started
        record_end(self._metrics, self._chat, self._turn, self._formatter, self._status, elapsed_s, self._block_types)
