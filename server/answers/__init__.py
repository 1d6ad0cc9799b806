"""One chat request from its acceptance to its end: run the agent, format its blocks, count and report.

The device sockets and the REST routes share this package; they differ only in where frames go.
"""

from __future__ import annotations

from server.answers.answer import Answer
from server.answers.pipeline import AnswerPipeline

__all__ = [
    "Answer",
    "AnswerPipeline",
]
