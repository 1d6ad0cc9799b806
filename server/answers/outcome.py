"""What an answer that ended without a fault amounts to: success is only reported for success."""

from __future__ import annotations

from typing import Final

from agents.turn import Turn
from person import Sentences
from streaming.wire import AnswerFinish, ErrorCode, WsFailure

_EMPTY: Final = WsFailure(
    code=ErrorCode.EMPTY_ANSWER,
    message="The model gave no answer that can be shown, also when it was asked again. Try again.",
    retryable=True,
)
_CUT: Final[dict[AnswerFinish | None, str]] = {
    "length": "The answer is incomplete: the model reached its limit of tokens.",
    "content_filter": "The answer is incomplete: the model's content filter stopped it.",
}


def shows_nothing(turn: Turn, shown: int) -> bool:
    """Whether an answer of `shown` blocks, those with reasoning included, has neither a block nor a change."""
    return shown <= turn.reasoning_blocks and not turn.mutations


def corrections(turn: Turn, shown: int, sentences: Sentences) -> list[str]:
    """What the server adds to an answer of `shown` blocks that may say something else about changes."""
    lines: list[str] = []
    if turn.unchanged and not shows_nothing(turn, shown):
        lines.append(sentences.say("answer.unchanged"))
    if turn.tool_use.uncertain_changes:
        # The model may claim the change, or that there was none. Nobody knows.
        lines.append(sentences.say("answer.uncertain"))
    elif turn.partly:
        lines.append(sentences.say("answer.changed_some", count=len(turn.mutations)))
    return lines


def failure_after_change(failure: WsFailure, sentences: Sentences | None) -> WsFailure:
    """`failure` of a request that changed something or may have: a retry would make the change again.

    `sentences` are in the person's language; None if it is not known.
    """
    message = failure.message.removesuffix(" Try again.")
    return failure.model_copy(
        update={
            "retryable": False,
            "message": f"{message} Something was changed, or may have been: check your items before you ask again.",
            "text": None if sentences is None else sentences.say("answer.failed_after_change"),
        }
    )


def failure_of(turn: Turn, shown: int) -> WsFailure | None:
    """Why the answer of `shown` blocks is not complete; None if it is.

    It is complete if the model finished without being cut and a block was shown, or if something was changed.
    """
    if turn.mutations:
        return None
    if turn.finish in _CUT:
        return WsFailure(code=ErrorCode.ANSWER_CUT, message=_CUT[turn.finish], retryable=False)
    return _EMPTY if shows_nothing(turn, shown) else None
