"""`LISTEN` on a separate connection without end: a lost connection is replaced."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Final, NoReturn

import psycopg
import trio
from psycopg.sql import SQL, Identifier

from sql.pooled import Pooled

logger = logging.getLogger(__name__)

_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 2.0


async def listen(
    conninfo: str, channel: str, *, on_listening: Callable[[], None], on_notification: Callable[[str], None]
) -> NoReturn:
    """Call `on_notification` with the payload of every notification on `channel`.

    Notifications sent without a connection are lost. `on_listening` is called each time listening begins, so
    that the caller can look for missed events. Raises only the errors of the callbacks.
    """
    delay_s = _FIRST_RETRY_S
    while True:
        try:
            pooled = await Pooled.open(conninfo, None)
            connection = pooled.connection
            try:
                await connection.execute(SQL("LISTEN {}").format(Identifier(channel)), prepare=False)
                delay_s = _FIRST_RETRY_S
                on_listening()
                async with aclosing(connection.notifies()) as notifications:
                    async for notification in notifications:
                        on_notification(notification.payload)
            finally:
                connection.discard()
        except psycopg.Error as error:
            logger.warning("listening to %s ended, and begins again in %g s: %s", channel, delay_s, error)
        await trio.sleep(delay_s)
        delay_s = min(2 * delay_s, _LAST_RETRY_S)
