"""Obeys what a message asks of memory: not to store the exchange, to forget something, or to erase everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from memory import Forgotten, MemoryMiddleware, Subject, confirms_erasure, wish_of
from person import ENGLISH, LANGUAGES, Sentences
from server.requests import ChatInput

log = structlog.get_logger(__name__)

_ERASE_WITHIN: Final = timedelta(minutes=15)
"""How long the person can confirm that everything is to be erased."""
_ENTRIES: Final = ("associative", "episodic", "core", "proactive")


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
    """Whether the message may ask something of memory itself, so that `obey` may change what memory has."""
    return wish_of(message) is not None or confirms_erasure(message)


async def obey(middleware: MemoryMiddleware, chat: ChatInput, sentences: Sentences = ENGLISH) -> Obeyed:
    """Carry out the wish of the message, if it has one. Raises only `Cancelled`: a failure is in the note."""
    say = sentences.say
    if confirms_erasure(chat.message):
        erased = await _erase_if_offered(middleware, chat, sentences)
        if erased is not None:
            return erased
    wish = wish_of(chat.message)
    if wish is None:
        return Obeyed()
    if wish.erase:
        # The exchange is stored, so that the next message of the conversation can confirm it.
        minutes = _ERASE_WITHIN // timedelta(minutes=1)
        offer = say("memory.erase_offer", minutes=minutes, yes=say("memory.erase_yes"))
        return Obeyed(say("memory.erase_elsewhere") if chat.conversation_id is None else offer)
    message = wish.rest or None
    if not wish.subjects and not wish.previous:
        return Obeyed(say("memory.not_stored"), stored=False)
    notes: list[str] = []
    forgotten = False
    several = len(wish.subjects) + wish.previous > 1
    for subject in [None] * wish.previous + list(wish.subjects):
        note, done = await _forget(middleware, chat, subject, sentences)
        forgotten = forgotten or done
        if subject is None and wish.not_stored and not done and note == say("memory.nothing_forgotten"):
            note = say("memory.not_stored")
        # Each of several subjects has its own result, so its note names it.
        notes.append(f"{subject.words}: {note}" if several and subject is not None else note)
    return Obeyed("\n".join(notes), forgotten=forgotten, stored=not wish.not_stored, message=message)


async def _forget(
    middleware: MemoryMiddleware, chat: ChatInput, subject: Subject | None, sentences: Sentences
) -> tuple[str, bool]:
    """Forget one subject; None: the exchange before. Returns the note, and whether something was forgotten."""
    say = sentences.say
    # A boundary: the person is told that it failed, and gets an answer to the rest of the message.
    try:
        done: Forgotten | int
        if subject is not None:
            done = await middleware.forget_about(chat.user_id, subject.words, everything=subject.everything)
        elif chat.conversation_id is None:
            done = Forgotten()
        else:
            done = await middleware.forget_latest(chat.user_id, chat.conversation_id)
    except Exception as error:  # noqa: BLE001
        log.warning("memory_forget_failed", reason=type(error).__name__)
        return say("memory.forget_failed"), False
    if isinstance(done, int):
        return say("memory.several", count=done), False
    count = len(done.restored) + len(done.redacted) + sum(done.counts.values())
    return (say("memory.forgotten", count=max(count, 1)), True) if done else (say("memory.nothing_forgotten"), False)


async def _erase_if_offered(middleware: MemoryMiddleware, chat: ChatInput, sentences: Sentences) -> Obeyed | None:
    """Erase everything if the exchange before offered it. None: it did not, so the message asks for something else."""
    say = sentences.say
    # A boundary: the person is told that it failed.
    try:
        if not await _erasure_offered(middleware, chat):
            return None
        receipt = await middleware.erase(chat.user_id)
    except Exception as error:  # noqa: BLE001
        log.warning("memory_erase_failed", reason=type(error).__name__)
        return Obeyed(say("memory.erase_failed"), stored=False)
    log.info("memory_erased", user_id=str(chat.user_id))
    erased = say("memory.erased", count=sum(receipt.removed[kind] for kind in _ENTRIES))
    backups = say("memory.backups_unreadable" if receipt.backups_unreadable else "memory.backups_left")
    return Obeyed(f"{erased} {backups}", forgotten=True, stored=False)


async def _erasure_offered(middleware: MemoryMiddleware, chat: ChatInput) -> bool:
    """Whether the latest exchange of the conversation is a recent one that asked to erase, and showed the offer."""
    if chat.conversation_id is None:
        return False
    latest = await middleware.latest(chat.user_id, chat.conversation_id)
    if latest is None or datetime.now(UTC) - latest.at > _ERASE_WITHIN:
        return False
    asked = wish_of(latest.message)
    shown = any(Sentences(language).say("memory.erase_yes") in latest.response for language in LANGUAGES)
    return asked is not None and asked.erase and shown
