"""What an answer that ended without a fault amounts to: success is only reported for success."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from agents.turn import Turn
from person import ENGLISH, Sentences
from streaming.answer import UnshownBlocks
from streaming.wire import AnswerFinish, ErrorCode, WsFailure

_EMPTY: Final = "The model gave no answer that can be shown, also when it was asked again."
_NO_TEXT: Final[dict[AnswerFinish | None, tuple[str, str]]] = {
    "length": (
        "The model reached its limit of tokens before it wrote anything that can be shown.",
        "answer.cut_before_text",
    ),
    "content_filter": (
        "The model's content filter stopped the answer before anything that can be shown.",
        "answer.filtered_before_text",
    ),
}
_CUT: Final[dict[AnswerFinish | None, str]] = {
    "length": "The answer is incomplete: the model reached its limit of tokens.",
    "content_filter": "The answer is incomplete: the model's content filter stopped it.",
}


def shows_nothing(turn: Turn, answered: int) -> bool:
    """Whether an answer of `answered` blocks, those with reasoning included, has neither a block nor a change."""
    return answered <= turn.reasoning_blocks and not turn.mutations


def corrections(turn: Turn, answered: int, sentences: Sentences) -> list[str]:
    """What the server adds to an answer of `answered` blocks that may make false claims."""
    lines: list[str] = []
    if turn.unchanged and not shows_nothing(turn, answered):
        lines.append(sentences.say("answer.unchanged"))
    elif turn.unread and not shows_nothing(turn, answered):
        lines.append(sentences.say("answer.unread"))
    if turn.tool_use.uncertain_changes:
        # The model may claim the change, or that there was none. The outcome is unknown.
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


def failure_of(turn: Turn, answered: int, unshown: Collection[UnshownBlocks], sentences: Sentences) -> WsFailure | None:
    """Why the answer of `answered` blocks is not complete; None if it is.

    It is complete if the model finished without being cut and a block was shown, or if something was changed. `unshown`
    are the blocks that the model wrote and that cannot be shown. `sentences` are in the person's language.
    """
    if turn.mutations:
        return None
    if shows_nothing(turn, answered):
        return _empty(turn.finish, unshown, sentences)
    if turn.finish in _CUT:
        return WsFailure(code=ErrorCode.ANSWER_CUT, message=_CUT[turn.finish], retryable=False)
    return None


def _empty(finish: AnswerFinish | None, unshown: Collection[UnshownBlocks], sentences: Sentences) -> WsFailure:
    message, text = _EMPTY, None
    if finish in _NO_TEXT:
        message, key = _NO_TEXT[finish]
        text = sentences.say(key)
    elif unshown:
        message = " ".join([*(blocks.sentence(ENGLISH) for blocks in unshown), "The model gave no other answer."])
        text = " ".join([*(blocks.sentence(sentences) for blocks in unshown), sentences.error(ErrorCode.EMPTY_ANSWER)])
    return WsFailure(code=ErrorCode.EMPTY_ANSWER, message=f"{message} Try again.", retryable=True, text=text)
