"""The daily token budget over servers and restarts, on a real database."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import trio
import trio.testing
from cryptography.fernet import Fernet

from client.terminal.account import SignIn
from client.terminal.answer import RequestRefusedError
from client.terminal.device import open_device
from server.models.budget import Entry, TokenBudget
from server.models.spend_table import TokenSpendTable
from server.models.spending import TokenSpending
from server.requests import RequestRefused
from server.telemetry.metrics import Metrics
from sql.driver.errors import DatabaseUnavailable, UnknownReference
from sql.pool import open_pool
from sql.statements import Statements
from sql.tenant import configure_server
from streaming.chat import Usage
from streaming.model.errors import ModelError
from streaming.wire.codes import ErrorCode
from tests.model_server import Never, ReceivedRequest, Step, tool_calls
from tests.server.tessera import Tessera, open_tessera, text_block, tool_messages

DAY_S = 86_400.0
ANN, BEN = UUID(int=1), UUID(int=2)
FIRST, SECOND = date(1970, 1, 2), date(1970, 1, 3)


def spent(database: str) -> list[tuple[date, int]]:
    with psycopg.connect(database, autocommit=True) as owner:
        return owner.execute("SELECT day, tokens FROM token_spend ORDER BY day").fetchall()


async def ask(tessera: Tessera, account: SignIn) -> str:
    async with open_device(tessera.ws_url, account.access_token) as device:
        return (await (await device.home("hello")).finish()).status


async def assert_refused(tessera: Tessera, account: SignIn) -> None:
    calls = len(tessera.model.requests)
    with pytest.raises(RequestRefusedError) as refused:
        await ask(tessera, account)
    assert refused.value.code is ErrorCode.BUDGET_SPENT
    assert len(tessera.model.requests) == calls


async def metrics(tessera: Tessera) -> str:
    async with httpx.AsyncClient(base_url=tessera.rest_url, trust_env=False) as client:
        return (await client.get("/metrics")).text


async def test_two_servers_share_the_budget_and_a_restart_keeps_it(database: str) -> None:
    settings = {"max_tokens_per_user_day": 10, "master_keys": Fernet.generate_key().decode()}
    async with open_tessera(database, **settings) as one, open_tessera(database, **settings) as other:
        account = await one.account()
        for server in (one, other):
            server.script(lambda _: text_block("a ", "b ", "c ", "d "))  # 11 tokens
        assert await ask(one, account) == "completed"
        # The second server only sees the count after the first has written it.
        while not spent(database):  # noqa: ASYNC110 - nothing in this process says so
            await trio.sleep(0.01)
        await assert_refused(other, account)
        await assert_refused(one, account)
        assert await ask(other, await other.account()) == "completed"
    async with open_tessera(database, **settings) as again:
        await assert_refused(again, account)
    assert [day for day, _ in spent(database)] == [datetime.now(UTC).date()] * 2


async def test_a_cancelled_answer_counts_and_a_stop_waits_for_the_write(database: str) -> None:
    async with open_tessera(database, max_tokens_per_user_day=100_000) as tessera:
        asked = trio.Event()

        def model(request: ReceivedRequest) -> list[Step]:
            if not tool_messages(request):
                return tool_calls(("list_tasks", {}), usage=(50, 5))
            asked.set()
            return [Never()]

        tessera.script(model)
        async with tessera.device() as device:
            answer = await device.home("hello")
            await asked.wait()
            await answer.cancel()
            end = await answer.finish()
            assert end.status == "cancelled"
            assert end.usage is not None
        tessera.stop.set()
    ((_, tokens),) = spent(database)
    assert tokens == end.usage.input_tokens + end.usage.output_tokens >= 55


async def test_tokens_are_counted_locally_and_written_when_the_database_is_back(database: str) -> None:
    async with open_tessera(database, max_tokens_per_user_day=10) as tessera:
        tessera.script(lambda _: text_block("a ", "b ", "c ", "d "))
        account = await tessera.account()
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("ALTER TABLE token_spend RENAME TO elsewhere")
            assert await ask(tessera, account) == "completed"
            await assert_refused(tessera, account)
            assert 'tessera_token_spend_faults_total{action="read"} 1.0' in await metrics(tessera)
            owner.execute("ALTER TABLE elsewhere RENAME TO token_spend")
        while not spent(database):  # noqa: ASYNC110 - nothing in this process says so
            await trio.sleep(0.01)
        await assert_refused(tessera, account)
        assert 'tessera_token_spend_faults_total{action="write"}' in await metrics(tessera)


async def test_past_days_are_deleted_and_so_are_the_counts_of_deleted_accounts(database: str) -> None:
    async with open_tessera(database) as tessera:
        account = await tessera.account()
    statements = Statements.load()
    async with open_pool(database, max_size=1, configure=configure_server) as pool:
        table = TokenSpendTable(pool, statements)
        for day, tokens in ((date(2026, 1, 1), 3), (date(2026, 1, 2), 4), (date(2026, 1, 3), 5), (date(2026, 1, 3), 6)):
            await table.settle(account.user_id, day, uuid4(), tokens)
        assert spent(database) == [(date(2026, 1, 2), 4), (date(2026, 1, 3), 11)]
        assert await table.total(account.user_id, date(2026, 1, 3)) == 11
        assert await table.total(account.user_id, date(2026, 1, 4)) == 0
        with pytest.raises(UnknownReference):
            await table.settle(uuid4(), date(2026, 1, 3), uuid4(), 1)
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("DELETE FROM users WHERE user_id = %s", [account.user_id])
    assert spent(database) == []


async def test_without_a_budget_nothing_is_written(database: str) -> None:
    async with open_tessera(database) as tessera:
        tessera.script(lambda _: text_block("a "))
        assert await ask(tessera, await tessera.account()) == "completed"
    assert spent(database) == []


# ---- a server while the store can't be reached ---------------------------------------------------------------------


class Counts:
    """A store with injected faults: with `hangs` it never answers; `gone` are users whose account was deleted.

    With `loses_answers` it writes and then fails.
    """

    def __init__(self) -> None:
        self.entries: dict[tuple[UUID, date], dict[UUID, int]] = {}
        self.hangs = self.fails = self.loses_answers = False
        self.gone: set[UUID] = set()

    @property
    def rows(self) -> dict[tuple[UUID, date], int]:
        return {key: sum(entries.values()) for key, entries in self.entries.items()}

    def put(self, user_id: UUID, day: date, tokens: int) -> None:
        self.entries[user_id, day] = {uuid4(): tokens}

    async def total(self, user_id: UUID, day: date) -> int:
        await self._fault()
        return self.rows.get((user_id, day), 0)

    async def reserve(self, user_id: UUID, day: date, entry_id: UUID, tokens: int, per_day: int) -> int:
        before = await self.total(user_id, day)
        if before < per_day:
            self.entries.setdefault((user_id, day), {})[entry_id] = min(tokens, per_day - before)
        self._lose()
        return before

    async def settle(self, user_id: UUID, day: date, entry_id: UUID, tokens: int) -> None:
        await self._fault()
        if user_id in self.gone:
            raise UnknownReference
        self.entries.setdefault((user_id, day), {})[entry_id] = tokens
        self._lose()

    def _lose(self) -> None:
        if self.loses_answers:
            raise DatabaseUnavailable

    async def _fault(self) -> None:
        if self.hangs:
            await trio.sleep_forever()
        if self.fails:
            raise DatabaseUnavailable
        await trio.lowlevel.checkpoint()


def spending(counts: Counts, day: int = 1) -> TokenSpending:
    return TokenSpending(10, lambda: day * DAY_S, counts, Metrics())


async def admitted(tokens: TokenSpending, user_id: UUID) -> bool:
    entry = tokens.entry(user_id)
    try:
        await tokens.admit(entry)
    except RequestRefused:
        return False
    finally:
        tokens.close(entry)
    return True


def spend(tokens: TokenSpending, user_id: UUID, count: int) -> None:
    """A request that was not admitted used tokens."""
    entry = tokens.entry(user_id, Usage(count - 1, 1))
    tokens.close(entry)


async def test_the_next_request_waits_for_the_unwritten_count_of_the_last_one(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    counts = Counts()
    tokens = spending(counts)
    counts.put(ANN, FIRST, 6)
    spend(tokens, ANN, 4)  # 10 in total; this process knows of 4
    nursery.start_soon(tokens.run)
    assert not await admitted(tokens, ANN)
    assert await admitted(tokens, BEN)
    assert counts.rows[ANN, FIRST] == 10
    with pytest.raises(RequestRefused):  # the count that was read is kept
        tokens.check(ANN)


@pytest.mark.parametrize("fault", ["hangs", "fails"])
async def test_with_an_unreachable_store_the_local_count_decides_and_is_written_later(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, fault: str
) -> None:
    counts = Counts()
    tokens = spending(counts)
    nursery.start_soon(tokens.run)
    setattr(counts, fault, True)
    started = trio.current_time()
    spend(tokens, ANN, 4)
    assert await admitted(tokens, ANN)
    assert trio.current_time() - started <= 2.001
    spend(tokens, ANN, 6)
    assert not await admitted(tokens, ANN)
    await tokens.drain(3)  # the write fails, and drain ends
    assert counts.rows == {}
    setattr(counts, fault, False)
    await tokens.drain(60)
    assert counts.rows == {(ANN, FIRST): 10}


async def test_a_deleted_account_delays_no_other_count(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    counts = Counts()
    counts.gone = {ANN}
    tokens = spending(counts)
    spend(tokens, ANN, 4)
    spend(tokens, BEN, 5)
    nursery.start_soon(tokens.run)
    await tokens.drain(0.5)
    assert counts.rows == {(BEN, FIRST): 5}


async def test_each_day_has_its_own_count(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    counts = Counts()
    now_s = [1.5 * DAY_S]
    tokens = TokenSpending(10, lambda: now_s[0], counts, Metrics())
    nursery.start_soon(tokens.run)
    spend(tokens, ANN, 12)
    assert not await admitted(tokens, ANN)
    now_s[0] = 2.5 * DAY_S
    assert await admitted(tokens, ANN)
    spend(tokens, ANN, 3)
    await tokens.drain(5)
    assert counts.rows == {(ANN, FIRST): 12, (ANN, SECOND): 3}


def use(budget: TokenBudget, user_id: UUID, count: int, now_s: float) -> Entry:
    entry = budget.entry(user_id, Usage(count, 0), now_s)
    budget.close(entry)
    return entry


def test_a_budget_counts_per_user_and_starts_again_at_midnight_utc() -> None:
    budget = TokenBudget(100)
    use(budget, ANN, 60, DAY_S)
    assert budget.open(ANN, DAY_S)
    use(budget, ANN, 60, 2 * DAY_S - 1)  # over the budget: the request had started
    assert not budget.open(ANN, 2 * DAY_S - 1)
    assert budget.open(BEN, 2 * DAY_S - 1)
    assert budget.open(ANN, 2 * DAY_S)


def test_a_clock_that_steps_back_does_not_reset_the_counts() -> None:
    budget = TokenBudget(100)
    use(budget, ANN, 100, 3 * DAY_S)
    assert not budget.open(ANN, 2 * DAY_S)
    assert not budget.open(ANN, 3 * DAY_S + 1)


def test_without_a_limit_nothing_is_counted() -> None:
    budget = TokenBudget(None)
    use(budget, ANN, 10**12, 0)
    assert budget.open(ANN, 0)


# ---- reservations --------------------------------------------------------------------------------------------------


async def test_concurrent_requests_reserve_before_they_spend(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    counts = Counts()
    one, other = (TokenSpending(4000, lambda: DAY_S, counts, Metrics()) for _ in range(2))
    entries = [(tokens, tokens.entry(ANN)) for tokens in (one, other) * 12]
    allowed = []
    for tokens, entry in entries:
        try:
            await tokens.admit(entry)
        except RequestRefused:
            continue
        allowed.append((tokens, entry))
    assert len(allowed) == 1
    assert counts.rows == {(ANN, FIRST): 4000}
    ((tokens, entry),) = allowed
    with pytest.raises(RequestRefused, match="reserved by requests that are running") as refused:
        tokens.check(ANN)
    assert refused.value.retryable
    entry.usage.add(1500, 15)
    nursery.start_soon(tokens.run)
    tokens.close(entry)
    await tokens.drain(5)
    assert counts.rows == {(ANN, FIRST): 1515}
    assert await admitted(other, ANN)


async def test_each_call_reserves_what_it_may_take(autojump_clock: trio.testing.MockClock) -> None:
    tokens = TokenSpending(20_000, lambda: DAY_S)
    one, other = tokens.entry(ANN), tokens.entry(ANN)
    await tokens.admit(one)
    await tokens.admit(other)  # 8,000 each
    tokens.begin_call(one, 12_000)
    tokens.begin_call(other, 8_000)
    tokens.begin_call(one, 20_000)  # one request may exceed the budget
    with pytest.raises(ModelError) as refused:
        tokens.begin_call(other, 1)
    assert (refused.value.code, refused.value.retryable) == (ErrorCode.BUDGET_SPENT, True)
    one.usage.add(100, 100)
    tokens.end_call(one, 32_000)
    tokens.close(one)
    tokens.begin_call(other, 9_000)
    other.usage.add(19_900, 100)
    tokens.end_call(other, 17_000)
    tokens.close(other)
    last = tokens.entry(ANN)
    with pytest.raises(ModelError, match="Your limit of 20000 model tokens a day is reached") as spent_all:
        tokens.begin_call(last, 10)
    assert not spent_all.value.retryable


async def test_a_repeated_write_counts_once(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    counts = Counts()
    tokens = TokenSpending(1000, lambda: DAY_S, counts, Metrics())
    nursery.start_soon(tokens.run)
    counts.loses_answers = True
    entry = tokens.entry(ANN)
    await tokens.admit(entry)
    assert counts.rows == {(ANN, FIRST): 1000}
    entry.usage.add(100, 11)
    tokens.close(entry)
    await trio.sleep(10)
    assert counts.rows == {(ANN, FIRST): 111}
    counts.loses_answers = False
    await tokens.drain(5)
    assert counts.rows == {(ANN, FIRST): 111}


async def test_a_write_that_the_database_repeats_counts_once(database: str) -> None:
    async with open_tessera(database) as tessera:
        user_id = (await tessera.account()).user_id
    async with open_pool(database, max_size=4, configure=configure_server) as pool:
        table, entry_id = TokenSpendTable(pool, Statements.load()), uuid4()
        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(table.settle, user_id, FIRST, entry_id, 40)
        assert await table.total(user_id, FIRST) == 40
        befores = []

        async def reserve() -> None:
            befores.append(await table.reserve(user_id, FIRST, uuid4(), 30, 100))

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(reserve)
        assert sorted(befores) == [40, 70, 100, 100]
        await table.settle(user_id, FIRST, entry_id, 0)
        assert await table.total(user_id, FIRST) == 60
