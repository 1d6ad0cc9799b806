"""Results of changes are sent again until the server acknowledges or refuses them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
import trio
from pydantic import BaseModel
from trio.testing import MockClock, wait_all_tasks_blocked

from client.terminal.unacknowledged_results import UnacknowledgedResults
from streaming.wire import ErrorCode, ServerFrame, WsError, WsPing, WsToolAck, WsToolError, WsToolResult

CALL = uuid4()


def result(call_id: UUID = CALL) -> WsToolResult:
    return WsToolResult(call_id=call_id, ok=True, tool="create_task", id="t1", data={"id": "t1"})


async def during(work: Callable[[UnacknowledgedResults, list[float]], Awaitable[None]]) -> None:
    """Run `work` with results, and the times at which one was sent again."""
    times: list[float] = []
    began = trio.current_time()

    def post(frame: BaseModel) -> None:
        times.append(trio.current_time() - began)

    results = UnacknowledgedResults(post)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(results.run)
        await wait_all_tasks_blocked()
        await work(results, times)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "answer",
    [
        WsToolAck(call_id=CALL),
        WsError(code=ErrorCode.UNKNOWN_CALL, message="No such call.", call_id=CALL),
    ],
)
async def test_a_result_is_sent_again_with_growing_delays_until_it_is_settled(
    answer: ServerFrame, autojump_clock: MockClock
) -> None:
    async def work(results: UnacknowledgedResults, times: list[float]) -> None:
        results.sent(result())
        await trio.sleep(3_600)
        assert 2 <= times[0] <= 4
        waits = [after - before for before, after in pairwise(times)]
        assert 4 <= waits[0] <= 8
        assert max(waits) <= 300
        assert 12 < len(times) < 35
        results.heard(WsToolAck(call_id=uuid4()))
        assert len(results) == 1
        results.heard(answer)
        count = len(times)
        await trio.sleep(3_600)
        assert len(times) == count
        results.sent(result())
        at = trio.current_time()
        await trio.sleep(4)
        assert len(times) == count + 1
        assert trio.current_time() - at == 4

    await during(work)


async def test_a_new_connection_begins_with_the_first_delay(autojump_clock: MockClock) -> None:
    async def work(results: UnacknowledgedResults, times: list[float]) -> None:
        results.sent(result())
        await trio.sleep(1_000)
        count = len(times)
        results.connected()
        await trio.sleep(4)
        assert len(times) == count + 1

    await during(work)


async def test_only_results_of_changes_are_sent_again_and_at_most_fifty_together(autojump_clock: MockClock) -> None:
    async def work(results: UnacknowledgedResults, times: list[float]) -> None:
        failure = WsToolError(code="unknown", message="The outcome is not known.")
        results.sent(WsToolResult(call_id=CALL, ok=False, error=failure))
        results.sent(WsToolResult(call_id=CALL, ok=True, data={"items": []}))
        results.sent(WsPing())
        await trio.sleep(100)
        assert times == []
        for _ in range(70):
            results.sent(result(uuid4()))
        await trio.sleep(4)
        assert len(times) == 50

    await during(work)
