"""Large backlogs: what a resume holds in memory and does per frame, and that other sessions go on meanwhile."""

from __future__ import annotations

import tracemalloc
from typing import Any
from uuid import UUID, uuid4

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from server.accounts.credentials import Tokens
from server.sessions.feed import Feed
from server.sessions.kept import AnswersInMemory, KeptAnswer
from server.sessions.ledger import Ledger
from server.sessions.outbox import Outbox
from server.sessions.request_log import RequestLog
from server.sockets.writer import write_frames
from streaming.wire import AnswerFrame, WsPong, WsRequestResult, WsStreamBlock, WsStreamText
from streaming.wire.stream_text import StreamText
from tests.server.memory_server import KEEP_S, memory_server, wall_clock
from tests.server.scripted_model import text_block
from tests.server.sessions.outbox_session import Direct, Session, end, text
from tests.server.sessions.resuming_client import home

SIZE = 10_000_000
PIECE = "Pay the rent. " * 100
CELL = "x" * 10_000


def written(request: UUID, kind: str) -> RequestLog:
    """The log of an answer of 10 MB that has ended: one text, or a thousand tables."""
    log = RequestLog(request, 2 * SIZE)
    if kind == "text":
        for _ in range(SIZE // len(PIECE)):
            log.append(text(request, PIECE))
    else:
        for number in range(SIZE // len(CELL)):
            data = {"headers": ["h"], "rows": [[CELL]]}
            log.append(WsStreamBlock(request_id=request, block=number, block_type="table", data=data))
    log.append(end(request))
    return log


def resumed(logs: list[RequestLog]) -> Outbox:
    """An outbox to whose socket these logs must be sent from their beginning."""
    outbox = Outbox(Ledger())
    outbox.attach(Direct(), WsPong())
    for log in logs:
        outbox.follow(Feed(log, block_open=True))
    return outbox


@pytest.mark.parametrize("kind", ["text", "tables"])
@pytest.mark.parametrize("answers", [1, 4])
async def test_a_resume_holds_one_frame_at_a_time_and_renders_each_entry_once(
    kind: str, answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = [written(uuid4(), kind) for _ in range(answers)]
    rendered = 0
    render = WsStreamBlock.model_dump_json

    def counted(self: WsStreamBlock, **options: Any) -> str:
        nonlocal rendered
        rendered += 1
        return render(self, **options)

    monkeypatch.setattr(WsStreamBlock, "model_dump_json", counted)
    tracemalloc.start()
    try:
        outbox = resumed(logs)
        assert outbox.queued_bytes >= answers * SIZE * 0.99
        held, frames, received = 0, 0, 0
        base, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        waiting = [outbox.queued_bytes]
        while (frame := outbox._next()) is not None:
            frames += 1
            if isinstance(frame, WsStreamText | StreamText):
                assert len(frame.chunk) <= 16 * 1024
                received += len(frame.chunk)
            waiting.append(outbox.queued_bytes)
        held = tracemalloc.get_traced_memory()[1] - base
    finally:
        tracemalloc.stop()
    per_answer = -(-(SIZE // len(PIECE) * len(PIECE)) // (16 * 1024)) + 1 if kind == "text" else 1001
    assert frames == answers * per_answer + 1  # with the pong
    assert held < 1_000_000
    assert rendered == 0  # only the writer renders
    assert waiting == sorted(waiting, reverse=True)
    assert waiting[-1] == 0
    if kind == "text":
        assert received == answers * (SIZE // len(PIECE) * len(PIECE))


async def test_a_text_that_grows_while_its_backlog_is_read_is_not_copied() -> None:
    log = RequestLog(uuid4(), 2 * SIZE)
    for _ in range(SIZE // len(PIECE)):
        log.append(text(log.request_id, PIECE))
    feed = Feed(log, block_open=True)
    taken = []
    tracemalloc.start()
    try:
        for number in range(300):
            log.append(text(log.request_id, f"{number} "))
            frame = feed.next(number + 1)
            assert isinstance(frame, StreamText | WsStreamText)
            taken.append(frame.chunk)
        base, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        log.append(text(log.request_id, "more"))
        assert feed.next(301) is not None
        assert tracemalloc.get_traced_memory()[1] - base < 100_000
    finally:
        tracemalloc.stop()
    entry = log.entries[0]
    assert entry.whole().startswith("".join(taken))  # type: ignore[union-attr]  # it is text


class Reader:
    """A socket whose client reads everything immediately."""

    peer = "memory"
    unsent = False

    def __init__(self, log: list[str], name: str) -> None:
        self.log = log
        self.name = name

    def try_send(self, message: bytes) -> int | None:
        self.log.append(self.name)
        return 0

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    def filled(self) -> None:
        pass

    async def send(self, _: str) -> None:
        self.log.append(self.name)
        await trio.lowlevel.checkpoint()


async def test_another_session_sends_a_frame_in_each_turn_while_four_answers_are_resumed(
    nursery: trio.Nursery,
) -> None:
    log: list[str] = []
    big, small = Reader(log, "big"), Reader(log, "small")
    outbox = Outbox(Ledger())
    outbox.attach(big, WsPong())
    for _ in range(4):
        outbox.follow(Feed(written(uuid4(), "text"), block_open=True))
    other = Outbox(Ledger())
    other.attach(small, WsPong())
    write: Any = write_frames  # a reader has the part of a socket that the writer needs
    nursery.start_soon(write, small, other, small)
    await wait_all_tasks_blocked()
    log.clear()
    nursery.start_soon(write, big, outbox, big)
    request = uuid4()
    answer = RequestLog(request, SIZE)
    feed = Feed(answer, block_open=True)
    while outbox.queued_bytes:
        token: AnswerFrame = text(request, "token ")
        size = answer.append(token)
        other.pushed(feed, token, size)
        await trio.lowlevel.checkpoint()
    # Each turn of the event loop sends at most one frame of the backlog, so the tokens go out between them.
    runs = "".join("b" if name == "big" else "s" for name in log).split("s")
    assert log.count("big") > 2400
    assert max(map(len, runs)) <= 2


async def test_a_reader_of_2_kb_a_second_gets_10_mb_while_another_session_answers(autojump_clock: MockClock) -> None:
    stack = memory_server(heartbeat_s=100_000, log_bytes=1 << 24)
    stack.tokens = Tokens([b"k" * 32], lifetime_s=100_000, clock=wall_clock)
    word = "word " * 200_000
    stack.model.answer('[{"type":"text","content":"', *[word] * 10, '"}]')
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id) as socket:
            await socket.say(**request)
            start = await socket.hear()
        await trio.sleep(1)
        resume = socket.ready["session_id"], start["seq"]
        began = trio.current_time()
        async with stack.device(device_id=device_id, resume=resume, capacity=0) as socket:
            received = frames = 0
            while True:
                await trio.sleep(8)  # 16 KB at 2 KB a second
                frame = await socket.hear()
                if frame["type"] == "stream_end":
                    break
                frames, received = frames + 1, received + len(frame["chunk"])
                if frames in (2, 300):
                    stack.model.answer(text_block("The rent."))
                    at = trio.current_time()
                    async with stack.device() as other:
                        await other.say(**home())
                        answer = await other.hear_until("stream_end")
                    assert trio.current_time() - at < 1
                    assert answer[-1]["status"] == "completed"
            assert received == 10 * len(word)
            assert frames == -(-received // (16 * 1024))
        assert trio.current_time() - began > 4_000


@pytest.mark.parametrize("attached", [False, True])
async def test_an_answer_that_is_sent_for_longer_than_it_is_kept_ends_whole_or_is_named_lost(
    attached: bool, autojump_clock: MockClock
) -> None:
    stack = memory_server(heartbeat_s=100_000, log_bytes=1 << 24, resume_grace_s=100_000)
    word = "word " * 10_000
    stack.model.answer('[{"type":"text","content":"', *[word] * 40, '"}]')
    device_id, request = uuid4(), home()
    async with stack.running():
        async with stack.device(device_id=device_id, capacity=0) as socket:
            await socket.say(**request)
            frame = await socket.hear()
            for _ in range(100 if attached else 2):
                if frame["type"] != "stream_end":
                    await trio.sleep(KEEP_S / 50)
                    frame = await socket.hear()
            assert (frame["type"] == "stream_end") is attached
        resume = socket.ready["session_id"], frame["seq"]
        await trio.sleep(KEEP_S + 1)
        async with stack.device(device_id=device_id, resume=resume) as socket:
            known = [(one["state"], one["request_id"]) for one in socket.ready["requests"]]
            assert socket.ready["resume"] == "resumed"
            assert known in ([], [("lost", str(request["request_id"]))])
            with pytest.raises(trio.WouldBlock):
                socket._from_server.receive_nowait()


async def test_an_answer_that_is_erased_while_it_is_sent_is_refused() -> None:
    stack = memory_server(log_bytes=1 << 24, outbox_bytes=1 << 20)
    stack.model.answer('[{"type":"text","content":"', *["word " * 10_000] * 5, '"}]')
    request = home()
    async with stack.device(capacity=0) as socket:
        await socket.say(**request)
        await socket.hear()
        await wait_all_tasks_blocked()  # it has ended, and its client has read little
        stack.sessions._in_memory.drop(stack.user_id, request["request_id"])
        frames = await socket.hear_until("error")
        assert frames[-1]["code"] == "unknown_request"
        assert frames[-1]["request_id"] == str(request["request_id"])
        await wait_all_tasks_blocked()
        assert [frame["type"] for frame in socket.heard()] == []


async def test_an_answer_that_is_larger_than_all_kept_ones_may_be_is_kept_and_the_next_takes_its_place() -> None:
    dropped: list[tuple[UUID, str]] = []
    answers = AnswersInMemory(60, lambda kept, reason: dropped.append((kept.result.request_id, reason)), max_bytes=100)
    first, second = (
        KeptAnswer(UUID(int=1), None, b"", WsRequestResult(request_id=uuid4(), status="completed"), 1000)
        for _ in range(2)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answers.run)
        await wait_all_tasks_blocked()
        await answers.keep(first)
        answers.drop(first.user_id, first.result.request_id)  # before `run` has seen it
        await wait_all_tasks_blocked()
        await answers.keep(first)
        assert await answers.find(first.user_id, first.result.request_id) == first
        await answers.keep(second)
        assert len(answers) == 1
        nursery.cancel_scope.cancel()
    assert dropped == [(first.result.request_id, "erased"), (first.result.request_id, "early")]


def test_a_session_counts_text_in_bytes_of_the_wire() -> None:
    session = Session()
    request = uuid4()
    log = RequestLog(request, SIZE)
    feed = Feed(log, block_open=True)
    session.outbox.follow(feed)
    for _ in range(20):
        frame = text(request, "日本語" * 1000)
        session.outbox.pushed(feed, frame, log.append(frame))
    assert session.outbox.queued_bytes == 180_000
    for _ in range(3):
        assert session.outbox._next() is not None
    left = sum(len(piece) for piece in ["日本語" * 1000] * 20) - 3 * 16 * 1024
    assert session.outbox.queued_bytes == 3 * left
