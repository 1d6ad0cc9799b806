"""A local intent classifier. When it is certain, it decides without a model call.

It reads only the words of a message; the training is in `bench/train_router.py`.
"""

from agents.intent.scorer import Reading, likeliest, read, score

__all__ = ["Reading", "likeliest", "read", "score"]
