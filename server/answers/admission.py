"""Whether a request may run: the checks that need the database."""

from __future__ import annotations

from server.answers.request_ids import REMEMBERED_S
from server.models import TokenSpending
from server.requests import AnswerLimits, ChatInput, Claim, DuplicateRequest


async def admit(claim: Claim | None, spending: TokenSpending, limits: AnswerLimits, chat: ChatInput) -> None:
    """Raise `RequestRefused` when another server has the request's id or the user has spent today's tokens."""
    if claim is not None and not await claim(chat.user_id, chat.request_id, limits.request_s + REMEMBERED_S):
        raise DuplicateRequest
    await spending.admit(chat.user_id)
