"""A local intent classifier: what the router falls back on when its model does not answer."""

from agents.intent.scorer import likeliest, score

__all__ = ["likeliest", "score"]
