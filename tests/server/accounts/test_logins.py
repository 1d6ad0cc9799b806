"""Logins over a real database: rotation, reuse, lost answers, ends, and the devices that belong to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
import pytest
import trio
from argon2 import PasswordHasher

from memory.delivery.devices import ClientRecord, DeviceRecords
from memory.keys.master import KeyRing, new_master_key
from memory.keys.user_keys import UserKeys
from memory.maintenance.expiry import Expiry
from memory.vault import Vault
from server.accounts.access import Access, AccessEnded
from server.accounts.accounts import Accounts, Email
from server.accounts.credentials import AuthenticatedUser, Passwords, Tokens
from server.accounts.logins import Logins, NoSuchDevice, RefreshTokenReused
from server.accounts.refresh_token import RefreshToken, RefreshTokenInvalid
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped
from tests.sql.tenant_rows import rows

STATEMENTS = Statements.load()
CLIENT = ClientRecord("app", "1.0", "test")


@dataclass
class World:
    """The parts that logins work with, and one user."""

    pool: Pool
    accounts: Accounts
    tokens: Tokens
    logins: Logins
    access: Access
    devices: DeviceRecords
    user_id: UUID


async def world(pool: Pool, **settings: float) -> World:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    keys = UserKeys(KeyRing([new_master_key()]), None)
    accounts = Accounts(pool, STATEMENTS, Passwords(trio.CapacityLimiter(2), weak), keys)
    tokens = Tokens([b"k" * 32])
    return World(
        pool,
        accounts,
        tokens,
        Logins(pool, STATEMENTS, tokens, **settings),
        Access(tokens, pool, STATEMENTS),
        DeviceRecords(Vault(pool, STATEMENTS, keys)),
        await accounts.register(Email("ann@example.com"), "correct horse"),
    )


async def test_each_refresh_gives_new_tokens_of_the_same_login(pool: Pool) -> None:
    here = await world(pool)
    first = await here.logins.begin(here.user_id)
    second = await here.logins.refresh(first.refresh_token)
    third = await here.logins.refresh(second.refresh_token)
    assert len({one.refresh_token for one in (first, second, third)}) == 3
    assert {one.login_id for one in (first, second, third)} == {first.login_id}
    for one in (first, second, third):
        user = await here.access.authenticate(one.access_token)
        assert (user.user_id, user.login_id) == (here.user_id, first.login_id)
    assert first.refresh_token not in repr(first)
    assert first.access_token not in repr(first)


async def test_the_database_has_only_digests(pool: Pool, database: str) -> None:
    here = await world(pool)
    first = await here.logins.begin(here.user_id)
    await here.logins.refresh(first.refresh_token)
    stored = repr(rows(database, "SELECT l.*, u.* FROM logins AS l JOIN used_refresh_tokens AS u USING (user_id)"))
    secret = RefreshToken.parse(first.refresh_token).secret
    assert first.refresh_token not in stored
    assert secret.hex() not in stored
    assert repr(secret) not in stored


async def test_a_reused_token_ends_the_whole_login_and_no_other(pool: Pool) -> None:
    here = await world(pool)
    stolen = await here.logins.begin(here.user_id)
    other = await here.logins.begin(here.user_id)
    second = await here.logins.refresh(stolen.refresh_token)
    third = await here.logins.refresh(second.refresh_token)
    with pytest.raises(RefreshTokenReused) as reused:
        await here.logins.refresh(stolen.refresh_token)
    assert reused.value.ended.logins == frozenset({stolen.login_id})
    with pytest.raises(RefreshTokenInvalid):
        await here.logins.refresh(third.refresh_token)
    with pytest.raises(AccessEnded):
        await here.access.authenticate(third.access_token)
    await here.logins.refresh(other.refresh_token)
    await here.access.authenticate(other.access_token)


async def test_a_lost_answer_does_not_end_the_login(pool: Pool) -> None:
    here = await world(pool)
    first = await here.logins.begin(here.user_id)
    lost = await here.logins.refresh(first.refresh_token)
    again = await here.logins.refresh(first.refresh_token)
    assert again.refresh_token != lost.refresh_token
    # A client that uses the lost token afterwards has read it elsewhere.
    with pytest.raises(RefreshTokenReused):
        await here.logins.refresh(lost.refresh_token)
    with pytest.raises(RefreshTokenInvalid):
        await here.logins.refresh(again.refresh_token)


async def test_an_earlier_token_is_only_repeated_for_a_short_time(pool: Pool) -> None:
    here = await world(pool, repeat_s=0.0)
    first = await here.logins.begin(here.user_id)
    await here.logins.refresh(first.refresh_token)
    with pytest.raises(RefreshTokenReused):
        await here.logins.refresh(first.refresh_token)


async def test_concurrent_uses_leave_one_valid_token(pool: Pool) -> None:
    here = await world(pool)
    first = await here.logins.begin(here.user_id)
    got = []

    async def refresh() -> None:
        got.append(await here.logins.refresh(first.refresh_token))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(refresh)
    assert len({one.refresh_token for one in got}) == 4
    (digest,) = rows_of(await digests(pool, here.user_id))
    assert [RefreshToken.parse(one.refresh_token).digest() == digest for one in got].count(True) == 1


async def digests(pool: Pool, user_id: UUID) -> list[tuple[bytes]]:
    async with scoped(pool, user_id) as connection:
        return await (await connection.execute("SELECT refresh_digest FROM logins")).fetchall()


def rows_of(found: list[tuple[bytes]]) -> list[bytes]:
    return [bytes(one) for (one,) in found]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: "tsr_" + text,
        lambda text: text.removeprefix("tsr_"),
        lambda _: "",
        lambda _: "tsr_\u00e9",
        lambda _: RefreshToken.new(uuid4(), uuid4()).text(),
        lambda text: RefreshToken.new((old := RefreshToken.parse(text)).user_id, old.login_id).text(),
    ],
)
async def test_other_tokens_are_refused_and_end_nothing(pool: Pool, change: Callable[[str], str]) -> None:
    here = await world(pool)
    first = await here.logins.begin(here.user_id)
    with pytest.raises(RefreshTokenInvalid):
        await here.logins.refresh(change(first.refresh_token))
    with pytest.raises(RefreshTokenInvalid):
        await here.logins.end_by_token(change(first.refresh_token))
    await here.logins.refresh(first.refresh_token)


async def test_an_expired_login_is_over_and_is_removed(pool: Pool, database: str) -> None:
    here = await world(pool)
    first = await here.logins.begin(here.user_id)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("UPDATE logins SET expires_at = now() - interval '1 second'")
    with pytest.raises(RefreshTokenInvalid):
        await here.logins.refresh(first.refresh_token)
    with pytest.raises(AccessEnded):
        await here.access.authenticate(first.access_token)
    await Expiry(pool, STATEMENTS, device_keep_s=400 * 86_400).remove()
    assert rows(database, "SELECT count(*) FROM logins") == [(0,)]


async def test_a_login_ends_at_its_greatest_age_although_it_is_used(pool: Pool, database: str) -> None:
    here = await world(pool, idle_s=100, max_age_s=150)
    first = await here.logins.begin(here.user_id)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("UPDATE logins SET created_at = now() - interval '120 seconds'")
    second = await here.logins.refresh(first.refresh_token)
    assert first.refresh_expires_in == 100
    assert 25 <= second.refresh_expires_in <= 30


async def test_logging_out_ends_one_login_and_logging_out_everywhere_all(pool: Pool) -> None:
    here = await world(pool)
    one, two, three = [await here.logins.begin(here.user_id) for _ in range(3)]
    old_token, _ = here.tokens.issue(here.user_id)  # as an earlier release issued it
    await here.access.authenticate(old_token)
    ended = await here.logins.end_by_token(one.refresh_token)
    assert ended.covers(AuthenticatedUser(here.user_id, 0, one.login_id), None)
    assert not ended.covers(AuthenticatedUser(here.user_id, 0, two.login_id), None)
    assert not ended.covers(AuthenticatedUser(uuid4(), 0, one.login_id), None)
    with pytest.raises(AccessEnded):
        await here.access.authenticate(one.access_token)
    await here.access.authenticate(two.access_token)

    everything = await here.logins.end_all(here.user_id)
    assert everything.covers(AuthenticatedUser(here.user_id, 0, two.login_id), None)
    assert everything.covers(AuthenticatedUser(here.user_id, 0), None)
    for token in (two.access_token, three.access_token, old_token):
        with pytest.raises(AccessEnded):
            await here.access.authenticate(token)
    await here.access.authenticate((await here.logins.begin(here.user_id)).access_token)


async def test_a_revoked_device_must_log_in_again(pool: Pool) -> None:
    here = await world(pool)
    phone, laptop = uuid4(), uuid4()
    of_phone, of_laptop = await here.logins.begin(here.user_id), await here.logins.begin(here.user_id, laptop)
    for device, login in ((phone, of_phone), (laptop, of_laptop)):
        await here.access.authenticate(login.access_token, device)  # the first socket binds the login
        await here.devices.connect(here.user_id, device, CLIENT)
    assert {(one.device_id, one.logins) for one in await here.logins.devices(here.user_id)} == {(phone, 1), (laptop, 1)}

    ended = await here.logins.revoke_device(here.user_id, phone)
    assert (ended.logins, ended.device_id) == (frozenset({of_phone.login_id}), phone)
    assert [one.device_id for one in await here.logins.devices(here.user_id)] == [laptop]
    with pytest.raises(AccessEnded):
        await here.access.authenticate(of_phone.access_token, phone)
    with pytest.raises(RefreshTokenInvalid):
        await here.logins.refresh(of_phone.refresh_token)
    # Neither can another login from before go on as this device, also not with a new access token.
    refreshed = await here.logins.refresh(of_laptop.refresh_token)
    with pytest.raises(AccessEnded):
        await here.access.authenticate(refreshed.access_token, phone)
    await here.access.authenticate(refreshed.access_token, laptop)
    with pytest.raises(NoSuchDevice):
        await here.logins.revoke_device(here.user_id, phone)
    with pytest.raises(NoSuchDevice):
        await here.logins.revoke_device(uuid4(), laptop)

    new = await here.logins.begin(here.user_id, phone)
    await here.access.authenticate(new.access_token, phone)
    assert {one.device_id for one in await here.logins.devices(here.user_id)} == {phone, laptop}


async def test_a_changed_password_ends_all_other_logins(pool: Pool) -> None:
    here = await world(pool)
    kept, other = await here.logins.begin(here.user_id), await here.logins.begin(here.user_id)
    await here.accounts.change_password(here.user_id, "correct horse", "violet anchor", here.logins, keep=kept.login_id)
    await here.access.authenticate(kept.access_token)
    with pytest.raises(AccessEnded):
        await here.access.authenticate(other.access_token)
    assert await here.accounts.login(Email("ann@example.com"), "violet anchor") == here.user_id


async def test_nobody_gets_in_while_an_account_is_being_deleted(pool: Pool) -> None:
    here = await world(pool)
    login = await here.logins.begin(here.user_id)
    await here.accounts.close(here.user_id, 60)
    with pytest.raises(AccessEnded):
        await here.access.authenticate(login.access_token)
    with pytest.raises(RefreshTokenInvalid):
        await here.logins.begin(here.user_id)
    # A deletion that was interrupted: its time is over.
    await here.accounts.close(here.user_id, -1)
    await here.access.authenticate(login.access_token)


async def test_one_user_keeps_a_hundred_logins(pool: Pool, database: str) -> None:
    here = await world(pool)
    first = await here.logins.begin(here.user_id)
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO logins (user_id, login_id, refresh_digest, expires_at, rotated_at)"
            " SELECT user_id, gen_random_uuid(), '', now() + interval '1 day', now() + interval '1 minute'"
            " FROM users, generate_series(1, 99)"
        )
    await here.logins.refresh(first.refresh_token)
    await here.logins.begin(here.user_id)
    assert rows(database, "SELECT count(*) FROM logins") == [(100,)]


async def test_checks_at_the_same_time_are_one_transaction_and_stay_apart(pool: Pool) -> None:
    here = await world(pool)
    other_id = await here.accounts.register(Email("ben@example.com"), "correct horse")
    good, ended = await here.logins.begin(here.user_id), await here.logins.begin(other_id)
    await here.logins.end(other_id, ended.login_id)
    outcomes: dict[int, UUID | None] = {}

    async def check(number: int) -> None:
        try:
            login = good if number % 2 else ended
            outcomes[number] = (await here.access.authenticate(login.access_token)).user_id
        except AccessEnded:
            outcomes[number] = None

    async with trio.open_nursery() as outer:
        outer.start_soon(here.access.run)
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(check, number)
        outer.cancel_scope.cancel()
    assert outcomes == {number: here.user_id if number % 2 else None for number in range(40)}
