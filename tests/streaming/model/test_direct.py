"""Text in the middle of an answer, which `take` gets without the iterators in between."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

import pytest
import trio

from streaming.chat import Delta, FinishDelta, FinishReason, UsageDelta
from streaming.model import DirectBatches, FailoverModel, ModelError
from streaming.wire import ErrorCode
from tests.model_server import Close, ModelServer, Never, Send, Step, Wait, chunk, end, text
from tests.streaming.model_requests import REQUEST, ModelFactory, texts

KEEP_ALIVE = Send(b": still here\n\n")


class Reader:
    """Reads an answer whose server writes each of `pieces`, and `last`, only when the piece before was read."""

    def __init__(self, pieces: Sequence[str], last: Sequence[Step]) -> None:
        self.gates = [trio.Event() for _ in [*pieces, last]]
        self.script: list[Step] = []
        for piece, gate in zip(pieces, self.gates[:-1], strict=True):
            self.script += [Wait(gate), *text(piece)]
        self.script += [Wait(self.gates[-1]), *last]
        self.read: list[tuple[str, str]] = []
        """Each piece of text, and how it came."""
        self.rest: list[Delta] = []

    def note(self, how: str, piece: str) -> None:
        self.read.append((how, piece))
        self.open_gate()

    def open_gate(self) -> None:
        if len(self.read) < len(self.gates):
            self.gates[len(self.read)].set()

    def take(self, piece: str) -> Awaitable[None] | None:
        self.note("direct", piece)
        return None

    async def run(self, model: FailoverModel) -> None:
        self.open_gate()
        async with model.stream(REQUEST) as batches:
            assert isinstance(batches, DirectBatches)
            async for batch in batches:
                self.rest += batch
                for piece in texts(batch):
                    self.note("batch", piece)
                batches.direct.take = self.take


async def test_what_is_not_a_piece_of_text_comes_in_batches(server: ModelServer, model: ModelFactory) -> None:
    reader = Reader(["one", " two", " thréé"], [KEEP_ALIVE, *end(usage=(3, 4))])
    server.reply(reader.script)
    await reader.run(FailoverModel([model()]))
    assert reader.read == [("batch", "one"), ("direct", " two"), ("direct", " thréé")]
    assert [delta for delta in reader.rest if not texts([delta])] == [FinishDelta(FinishReason.STOP), UsageDelta(3, 4)]


async def test_the_next_piece_is_read_when_there_is_room_and_waiting_is_not_the_models_time(
    server: ModelServer, model: ModelFactory, mock_clock: trio.testing.MockClock
) -> None:
    class Slow(Reader):
        def take(self, piece: str) -> Awaitable[None]:
            async def room() -> None:
                mock_clock.jump(100)
                await trio.lowlevel.checkpoint()
                self.note("direct", piece)

            return room()

    reader = Slow(["one", " two", " three"], end())
    server.reply(reader.script)
    await reader.run(FailoverModel([model(idle_timeout_s=10)]))
    assert reader.read == [("batch", "one"), ("direct", " two"), ("direct", " three")]


async def test_keep_alives_do_not_extend_the_time_for_the_next_piece(
    server: ModelServer, model: ModelFactory, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.2
    pulse = trio.Event()
    reader = Reader(["one", " two"], [Wait(pulse), KEEP_ALIVE, Never()])
    server.reply(reader.script)

    @nursery.start_soon
    async def send_keep_alive() -> None:
        await trio.sleep(6)
        pulse.set()

    with pytest.raises(ModelError) as raised:
        await reader.run(FailoverModel([model(idle_timeout_s=10)]))
    assert raised.value.code is ErrorCode.MODEL_TIMEOUT
    assert trio.current_time() == pytest.approx(10, abs=1)
    assert [how for how, _ in reader.read] == ["batch", "direct"]


@pytest.mark.parametrize("last", [[Close()], [chunk({"content": " th"}), Send(b'data: {"choi'), Close()]])
async def test_an_answer_that_breaks_off_keeps_its_text(
    server: ModelServer, model: ModelFactory, last: list[Step]
) -> None:
    reader = Reader(["one", " two"], last)
    server.reply(reader.script)
    with pytest.raises(ModelError) as raised:
        await reader.run(FailoverModel([model()]))
    assert raised.value.retryable
    assert "".join(piece for _, piece in reader.read).startswith("one two")


async def test_what_take_raises_ends_the_call(server: ModelServer, model: ModelFactory) -> None:
    class Full(Reader):
        def take(self, piece: str) -> Awaitable[None] | None:
            raise OSError(f"no place for {piece}")

    reader = Full(["one", " two"], [Never()])
    server.reply(reader.script)
    with pytest.raises(OSError, match="no place for  two"):
        await reader.run(FailoverModel([model()]))
    await server.requests[0].connection.closed.wait()
