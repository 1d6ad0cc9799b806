"""Obeys what a message asks of memory: not to store the exchange, or to forget something."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from memory import Forgotten, MemoryMiddleware, Wish, wish_of
from person import ENGLISH, Sentences
from server.requests import ChatInput

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Obeyed:
    """The result of obeying a message. `note` is shown at the end of the answer.

    `forgotten`: something was forgotten, so memory must be recalled again. `stored`: the exchange is stored.
    `message`: the message to store, if it is not the whole one.
    """

    note: str = ""
    forgotten: bool = False
    stored: bool = True
    message: str | None = None


def asks_of_memory(message: str) -> bool:
    """Whether the message asks something of memory itself, so that `obey` may change what memory has."""
    return wish_of(message) is not None


async def obey(middleware: MemoryMiddleware, chat: ChatInput, sentences: Sentences = ENGLISH) -> Obeyed:
    """Carry out the wish of the message, if it has one. Raises only `Cancelled`: a failure is in the note."""
    say = sentences.say
    wish = wish_of(chat.message)
    if wish is None:
        return Obeyed()
    message = wish.rest or None
    if wish.subject is None and not wish.previous:
        return Obeyed(say("memory.not_stored"), stored=False)
    # A boundary: the person is told that it failed, and gets an answer to the rest of the message.
    try:
        done = await _forget(middleware, chat, wish)
    except Exception as error:  # noqa: BLE001
        log.warning("memory_forget_failed", reason=type(error).__name__)
        return Obeyed(say("memory.forget_failed"), stored=not wish.not_stored, message=message)
    if isinstance(done, int):
        return Obeyed(say("memory.several", count=done), stored=not wish.not_stored, message=message)
    count = len(done.restored) + len(done.redacted) + sum(done.counts.values())
    note = say("memory.forgotten", count=max(count, 1)) if done else say("memory.nothing_forgotten")
    if wish.subject is None and wish.not_stored and not done:
        note = say("memory.not_stored")
    return Obeyed(note, forgotten=bool(done), stored=not wish.not_stored, message=message)


async def _forget(middleware: MemoryMiddleware, chat: ChatInput, wish: Wish) -> Forgotten | int:
    if wish.subject is not None:
        return await middleware.forget_about(chat.user_id, wish.subject, everything=wish.everything)
    if chat.conversation_id is None:
        return Forgotten()
    return await middleware.forget_latest(chat.user_id, chat.conversation_id)
