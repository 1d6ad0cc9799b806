"""The commands on the database: `rotate-master-key`, `rotate-user-key`, `reembed`, `invite`.

Servers may run at the same time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from memory import Vault
from memory.maintenance import MasterKeyRotation, Reembedded, Reembedding, UserKeyRotation
from server.accounts import Invites, normalise_email
from server.memory_service import open_embedder, user_keys
from server.settings import Settings
from server.storage import first_master_key, master_keys, open_database, prepare_state_dir
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import scoped_to_email
from streaming.model import open_http_client

_INVITE_S: Final = 7 * 86_400.0


class CommandFailed(Exception):
    """The command failed, or completed only in part. The message says what was not done."""


@dataclass(frozen=True, slots=True)
class _Opened:
    pool: Pool
    vault: Vault


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[_Opened]:
    prepare_state_dir(settings.state_dir)
    found = master_keys(settings)
    statements = Statements.load()
    async with open_database(settings) as database:
        keys, _ = found or await first_master_key(settings, database.pool, statements)
        yield _Opened(database.pool, Vault(database.pool, statements, user_keys(settings, keys)))


async def rotate_master_key(settings: Settings) -> None:
    """Encrypt every user's key with the first master key, bound to the user. Can be stopped and run again."""
    async with _open(settings) as opened:
        done = await MasterKeyRotation(opened.vault).rotate()
    print(f"users' keys: {done.rewrapped} re-encrypted, {done.already} already current, {done.failed} failed")
    if done.failed:
        raise CommandFailed(
            f"the keys of {done.failed} users can't be decrypted and were not changed; the log names each and says why"
        )
    print("users' keys no longer need the other master keys; removing them invalidates access tokens signed with them")


async def rotate_user_key(settings: Settings, user: str) -> None:
    """Give one user (by id or e-mail address) a new key; re-encrypt and re-index all their memory with it."""
    async with _open(settings) as opened:
        user_id = await _user_id(opened, user)
        done = await UserKeyRotation(opened.vault).rotate(user_id)
    print(f"re-encrypted {done.rows} rows: key {done.key_before} is replaced by {done.key_after}")
    if done.unreadable:
        raise CommandFailed(f"{done.unreadable} rows did not decrypt with the old key and were not changed")


async def reembed(settings: Settings, user: str | None) -> None:
    """Compute the vectors of memories (of one user, or of all) with the current embedding model."""
    async with _open(settings) as opened, open_http_client() as client:
        embedder, description = await open_embedder(settings, client)
        if embedder is None:
            raise CommandFailed(f"no embedding model is available: {description}")
        work = Reembedding(opened.vault, embedder)
        done: Reembedded = await work.everybody() if user is None else await work.user(await _user_id(opened, user))
    print(f"{done.memories} memories now have vectors of {embedder.name}; {done.unreadable} could not be decrypted")


async def invite(settings: Settings, email: str | None) -> None:
    """Print a code for one registration within a week; only for `email`, if it is given."""
    try:
        address = None if email is None else normalise_email(email)
    except ValueError as error:
        raise CommandFailed(str(error)) from None
    prepare_state_dir(settings.state_dir)
    async with open_database(settings) as database:
        code = await Invites(database.pool, Statements.load()).create(address, _INVITE_S)
    print(code)


async def _user_id(opened: _Opened, user: str) -> UUID:
    try:
        return UUID(user)
    except ValueError:
        pass
    try:
        email = normalise_email(user)
    except ValueError:
        raise CommandFailed(f"{user!r} is neither a user id nor an e-mail address") from None
    async with scoped_to_email(opened.pool, email) as connection:
        cursor = await connection.execute(opened.vault.statements["user_by_email"], {"email": email})
    row = await cursor.fetchone()
    if row is None:
        raise CommandFailed(f"no account has the e-mail address {email}")
    found: UUID = row[0]
    return found
