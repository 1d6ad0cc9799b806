"""What is charged to a user: cancelled answers, and the calls of the router and of memory, over real sockets."""

from __future__ import annotations

import psycopg
import trio

from tests.model_server import Never, ReceivedRequest, Step, chunk, text_stream
from tests.server.models.test_spending import ask, spent
from tests.server.tessera import is_routing, open_tessera


async def test_an_answer_that_is_cancelled_before_its_usage_came_costs_an_estimate(database: str) -> None:
    async with open_tessera(database, max_tokens_per_user_day=100_000) as tessera:
        tessera.script(lambda _: [chunk({"content": '[{"type":"text","content":"' + "word " * 2000}), Never()])
        async with tessera.device() as device:
            answer = await device.home("write a lot")
            read = 0
            async for event in answer:
                read += len(getattr(event, "chunk", ""))
                if read >= 9000:
                    break
            await answer.cancel()
            end = await answer.finish()
        assert end.usage is not None
        assert end.usage.output_tokens >= 2000
        tessera.stop.set()
    ((_, tokens),) = spent(database)
    assert tokens >= end.usage.input_tokens + end.usage.output_tokens


async def test_calls_of_the_router_and_of_memory_are_charged_to_their_user(database: str) -> None:
    async with open_tessera(database, max_tokens_per_user_day=10**9, memory_model_name="describing") as tessera:
        described = trio.Event()

        def model(request: ReceivedRequest) -> list[Step]:
            if is_routing(request):
                return text_stream('{"agent": "task_agent"}', usage=(1_000, 100))
            if request.body["model"] == "describing":
                described.set()
                return text_stream('{"summary": "Greetings."}', usage=(1_000_000, 100_000))
            return text_stream('[{"type":"text","content":"Hello."}]', usage=(10, 1))

        tessera.model.fallback = model
        account, other = await tessera.account(), await tessera.account()
        assert await ask(tessera, account) == "completed"
        await described.wait()
        while sum(tokens for _, tokens in spent(database)) < 1_101_111:  # noqa: ASYNC110 - another task writes
            await trio.sleep(0.01)
    with psycopg.connect(database, autocommit=True) as owner:
        assert owner.execute("SELECT user_id, tokens FROM token_spend").fetchall() == [(account.user_id, 1_101_111)]
    assert other.user_id != account.user_id
