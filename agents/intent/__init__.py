"""A local intent classifier, for messages that the router model does not classify.

It reads only the words of a message; the training is in `bench/train_router.py`.
"""

from agents.intent.scorer import likeliest, score

__all__ = ["likeliest", "score"]
