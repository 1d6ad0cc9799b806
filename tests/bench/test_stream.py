"""The stream benchmark: its parts by tables, and one short pass over our server that checks sense, not speed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.stream.dialects import PeerSocket, TesseraSocket
from bench.stream.figures import Figures
from bench.stream.flame_graph import flame_graph
from bench.stream.measures import (
    SHAPES,
    Cancels,
    Idle,
    Paced,
    Requests,
    Saturated,
    Shape,
    cancels,
    idle,
    paced,
    percentile,
    requests,
    saturated,
)
from bench.stream.payloads import BURST, STAMP_CHARS, TOKENS_PER_BLOCK, age_us, beginning, ending, stamp, token_chunk
from bench.stream.profile import read_stacks, table
from bench.stream.report import markdown
from bench.stream.targets import PEERS, TESSERA, Places, model_server, tessera
from bench.stream.wire import CLOSE, PING, TEXT, frame, take_frames
from streaming.chat import ContentDelta, FinishDelta, UsageDelta
from streaming.dialects import DIALECTS
from streaming.model.decoder import ResponseDecoder
from tests.database import login_settings


@pytest.mark.parametrize("now_ns", [0, 999, 1_000, 123_456_789_000, 86_400 * 10**9, 10**15])
def test_a_stamp_tells_its_age(now_ns: int) -> None:
    stamped = stamp(now_ns)
    assert len(stamped) == STAMP_CHARS
    assert age_us(stamped, now_ns) == 0
    assert age_us(stamped, now_ns + 1_500_000) == 1_500


def dechunked(body: bytes) -> bytes:
    data = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        data += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return data


def test_the_model_server_writes_what_our_dialect_reads() -> None:
    head, _, body = (
        beginning("[") + b"".join(token_chunk(number, 7_000) for number in range(40)) + BURST + ending(9, "]")
    ).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body.endswith(b"0\r\n\r\n")
    decoder = ResponseDecoder(DIALECTS["openai-chat"].decoder(), max_bytes=1 << 20, max_event_bytes=1 << 20)
    deltas = [*decoder.feed(dechunked(body[:-5])), *decoder.close()]
    text = "".join(delta.text for delta in deltas if isinstance(delta, ContentDelta))
    assert text.count(" ") == 40 + TOKENS_PER_BLOCK
    assert all(piece.startswith(stamp(7_000)) for piece in text.split(" ")[1:41])
    assert any(isinstance(delta, FinishDelta) for delta in deltas)
    assert any(isinstance(delta, UsageDelta) and delta.output_tokens == 9 for delta in deltas)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_frames_are_taken_however_they_are_cut(size: int) -> None:
    payload = b"x" * size
    # A server's frames are a client's without the mask.
    masked = frame(payload)
    head = bytes([masked[0], masked[1] & 0x7F]) + masked[2 : len(masked) - size - 4]
    data = head + payload + bytes([0x80 | PING, 0]) + bytes([0x80 | CLOSE, 2, 3, 232])
    assert take_frames(data) == ([(TEXT, payload), (PING, b""), (CLOSE, b"\x03\xe8")], b"")
    for cut in {0, 1, 2, 3, len(head), len(head) + size, len(data) - 1}:
        first, left = take_frames(data[:cut])
        second, rest = take_frames(left + data[cut:])
        assert (first + second, rest) == take_frames(data)


def test_a_fragment_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="fragment"):
        take_frames(bytes([TEXT, 0]))


def test_both_dialects_read_text_and_its_end() -> None:
    ours, theirs = TesseraSocket("token"), PeerSocket()
    assert json.loads(ours.hello())["token"] == "token"
    text = ours.read(b'{"seq":3,"type":"stream_text","request_id":"r","block":0,"chunk":" a"}')
    assert (text.kind, text.request_id, text.text) == ("text", "r", " a")
    assert ours.read(b'{"seq":4,"type":"stream_end","request_id":"r","status":"failed"}').status == "failed"
    with pytest.raises(RuntimeError, match="rate_limited"):
        ours.read(b'{"type":"error","code":"rate_limited","message":"slower"}')
    assert theirs.read(b'{"type":"text","request_id":"r","text":" a"}').text == " a"
    assert theirs.read(b'{"type":"end","request_id":"r","status":"completed"}').kind == "end"


def test_percentiles() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 50) == 3.0
    assert percentile(list(range(100)), 99) == 99
    assert percentile([5.0], 99) == 5.0


def test_stacks_become_a_table_and_a_graph() -> None:
    stacks = read_stacks("main (a.py:1);run (b.py:2) 30\nmain (a.py:1) 10\nt (c.py:1);WorkerThread._work (d.py:1) 99\n")
    assert stacks == Counter({("main (a.py:1)", "run (b.py:2)"): 30, ("main (a.py:1)",): 10})
    assert "| `run (b.py:2)` | 75.0% | 75.0% |" in table(stacks)
    drawn = flame_graph(stacks, "a < b")
    assert "a &lt; b (40 samples)" in drawn
    assert "run (b.py:2) 75.0%" in drawn


def made_up(*, ours: float, theirs: float) -> Figures:
    """Figures in which each token costs us `ours` microseconds, and every peer `theirs`."""
    figures = Figures()
    for name, cpu_us in [(TESSERA, ours), *((name, theirs) for name in PEERS)]:
        for shape in SHAPES:
            figures.paced[name, shape] = [Paced(100, cpu_us, 0.1, 200.0, 900.0, 110.0, 1.0, 1 << 26)]
            figures.saturated[name, shape] = [Saturated(9_000.0, cpu_us, 1.0, 0.5)]
        figures.requests[name] = [Requests(10, 5.0, 1.0, 90.0)]
        figures.cancels[name] = Cancels([1.0, 2.0], [1.5, 3.0], 0)
    figures.idle[TESSERA] = Idle(5_000, 29 * 1024, 400.0, 2.0)
    return figures


@pytest.mark.parametrize(("ours", "met"), [(18, True), (50, False)])
def test_the_report_says_what_is_met(ours: float, met: bool) -> None:
    report = markdown(made_up(ours=ours, theirs=100))
    rows = [line for line in report.splitlines() if "LangChain's" in line]
    assert len(rows) == 2
    assert all(row.endswith("| met |" if met else "| **not met** |") for row in rows)
    assert "| memory of an idle session, KB | 29.00 | ≤ 30.00 | met |" in report


@pytest.mark.slow
def test_a_short_pass_over_our_server(database: str, tmp_path: Path) -> None:
    places = Places.of_machine()
    shape = Shape(2, 2, 40)
    with (
        model_server(places, tmp_path) as model_port,
        tessera(model_port, places, settings={**login_settings(database)}) as target,
    ):
        at_pace = paced(target, shape, settle_s=0.1, window_s=0.4)
        full = saturated(target, shape, settle_s=0.1, window_s=0.3)
        answered = requests(target, count=4, sockets=2)
        cancelled = cancels(target, model_port, count=4, sockets=2)
        rested = idle(target, count=20, warm=2)
    # 2 x 2 streams at 40 a second in 0.4 s, and what was on its way.
    assert 20 <= at_pace.tokens <= 160
    assert 0 < at_pace.p50_us <= at_pace.p99_us
    assert at_pace.cpu_us > 0
    assert at_pace.bytes > STAMP_CHARS
    assert at_pace.frames <= 1
    assert full.tokens_per_s > at_pace.tokens / 0.4
    assert answered.cpu_ms > 0
    assert cancelled.ignored == 0
    assert len(cancelled.closed_ms) == len(cancelled.ended_ms) == 4
    assert min(cancelled.closed_ms) > 0
    assert rested.per_s > 0
    assert target.process.poll() == 0
