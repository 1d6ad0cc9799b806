"""One chat request from its acceptance to its end: admission, the agent, the formatter, the outcome.

The device sockets and the REST routes share this package. They differ only in where frames go.
"""

from __future__ import annotations

from server.answers.answer import Answer
from server.answers.pipeline import AnswerPipeline

__all__ = [
    "Answer",
    "AnswerPipeline",
]
