"""Checks at the start whether the configured master keys and key shares belong to the database.

Unwrapping the keys of a million users would take minutes, so a sample of a few dozen is checked: the first users by id,
and some random ones. Wrong master keys unwrap none of them, and an incomplete list of master keys unwraps some. One or
two damaged rows do not prevent the start.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID, uuid4

from memory.keys import MissingKeyShare, UnboundKey, WrongMasterKey
from memory.vault import NoSuchUser, Vault
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import listing, scoped

logger = logging.getLogger(__name__)

_FIRST: Final = 16
_RANDOM: Final = 16
# If a larger share of the sample can't be unwrapped, the master keys are wrong. One damaged key is always accepted.
_MAX_DAMAGED: Final = 1 / 4
_NO_ID: Final = UUID(int=0)


class KeysDoNotFit(Exception):
    """The configured master keys or key shares do not belong to this database."""

    def __init__(self, checked: int, wrong: int, missing: int, unbound: int = 0) -> None:
        reasons = []
        if unbound:
            reasons.append(
                f"the keys of {unbound} of {checked} checked users are not bound to the user, and"
                " TESSERA_REFUSE_UNBOUND_KEYS is set: unset it, run `python -m server rotate-master-key`, then set it"
                " again"
            )
        if wrong:
            reasons.append(
                f"no master key unwraps the keys of {wrong} of {checked} checked users:"
                " TESSERA_MASTER_KEYS (or the master.key of the state folder) must contain the keys that wrapped them"
            )
        if missing:
            reasons.append(
                f"the key shares of {missing} of {checked} checked users are not in"
                " TESSERA_KEY_SHARES_DIR: it must be the folder that the keys were made with"
            )
        super().__init__("; ".join(reasons) + "; nothing was changed")


async def sampled_keys(pool: Pool, statements: Statements) -> dict[UUID, bytes | None]:
    """The wrapped keys of a sample of users, or of all if there are few. None: the user has no key."""
    asked = [(_NO_ID, _FIRST), *((uuid4(), 1) for _ in range(_RANDOM))]
    async with listing(pool) as connection:
        pages = [
            await connection.execute(statements["user_ids_page"], {"after": after, "limit": limit})
            for after, limit in asked
        ]
    found: dict[UUID, bytes | None] = {}
    for user_id in sorted({user_id for page in pages for (user_id,) in await page.fetchall()}):
        async with scoped(pool, user_id) as connection:
            cursor = await connection.execute(statements["user_key"], {"user_id": user_id})
        row = await cursor.fetchone()
        if row is not None:
            found[user_id] = None if row[0] is None else bytes(row[0])
    return found


async def check_keys(vault: Vault) -> int:
    """Unwrap a sample of keys. Raises `KeysDoNotFit` if too many fail, otherwise logs the failures. Changes nothing.

    Returns how many of the sampled keys are not bound to their user: an earlier release wrapped them.
    """
    sampled = await sampled_keys(vault.pool, vault.statements)
    stored = {user_id: key for user_id, key in sampled.items() if key is not None}
    wrong = missing = refused = unbound = 0
    for user_id in stored:
        try:
            unbound += not (await vault.key(user_id)).is_bound
        except UnboundKey as error:
            refused += 1
            logger.warning("the key of user %s is refused: %s", user_id, error)
        except WrongMasterKey:
            wrong += 1
            logger.warning("no master key unwraps the key of user %s", user_id)
        except MissingKeyShare:
            missing += 1
            logger.warning("the key share of user %s is missing", user_id)
        except NoSuchUser:
            continue  # the user was removed since
    failed = wrong + missing + refused
    if failed and (failed == len(stored) or failed > max(1, _MAX_DAMAGED * len(stored))):
        raise KeysDoNotFit(len(stored), wrong, missing, refused)
    for user_id in sampled.keys() - stored.keys():
        logger.warning("user %s has no key, so their memory does not work until they erase it", user_id)
    return unbound
