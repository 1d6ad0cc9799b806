"""Whether the master keys and the shares of the settings are those of the database, told from some of the users' keys.

All of a million users would take minutes, so a few dozen are looked at: the first by id, and some anywhere, for ids are
random. Wrong keys open none of them, a list that lacks one of several master keys opens some, and a damaged row or two
are no reason to keep everybody from the server.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID, uuid4

from memory.keys import MissingKeyShare, WrongMasterKey
from memory.vault import NoSuchUser, Vault
from sql.pool import Pool
from sql.statements import Statements
from sql.tenant import listing, scoped

logger = logging.getLogger(__name__)

_FIRST: Final = 16
_ANYWHERE: Final = 16
# As many of the keys looked at may be damaged, but for one that always may: more are a wrong list of master keys.
_DAMAGED: Final = 1 / 4
_NO_ID: Final = UUID(int=0)


class KeysDoNotFit(Exception):
    """The master keys or the shares of the settings are not those of the database."""

    def __init__(self, looked_at: int, wrong: int, missing: int) -> None:
        reasons = []
        if wrong:
            reasons.append(
                f"none of the master keys opens the keys of {wrong} of the {looked_at} users looked at:"
                " TESSERA_MASTER_KEYS (or the master.key of the state folder) must hold those that wrapped them"
            )
        if missing:
            reasons.append(
                f"the shares of the keys of {missing} of the {looked_at} users looked at are not in"
                " TESSERA_KEY_SHARES_DIR: that folder must be the one the keys were made with"
            )
        super().__init__("; ".join(reasons) + "; nothing was changed")


async def sampled_keys(pool: Pool, statements: Statements) -> dict[UUID, bytes | None]:
    """The wrapped keys of some users, of all when there are few; None: the user has none."""
    asked = [(_NO_ID, _FIRST), *((uuid4(), 1) for _ in range(_ANYWHERE))]
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


async def check_keys(vault: Vault) -> None:
    """Open some users' keys. Raises `KeysDoNotFit` when too many do not open; logs the others. Changes nothing."""
    sampled = await sampled_keys(vault.pool, vault.statements)
    stored = {user_id: key for user_id, key in sampled.items() if key is not None}
    wrong = missing = 0
    for user_id in stored:
        try:
            await vault.key(user_id)
        except WrongMasterKey:
            wrong += 1
            logger.warning("the key of user %s opens under none of the master keys", user_id)
        except MissingKeyShare:
            missing += 1
            logger.warning("the share of user %s's key is missing", user_id)
        except NoSuchUser:
            continue  # removed meanwhile
    failed = wrong + missing
    if failed and (failed == len(stored) or failed > max(1, _DAMAGED * len(stored))):
        raise KeysDoNotFit(len(stored), wrong, missing)
    for user_id in sampled.keys() - stored.keys():
        logger.warning(
            "user %s has no key, so nothing can be remembered for them until they erase their memory", user_id
        )
