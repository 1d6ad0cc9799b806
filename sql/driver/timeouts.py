"""Time limits of the waits for the database that are shielded from cancellation."""

CLEANUP_TIMEOUT_S = 5.0
"""Seconds that cleaning up after an interrupted operation may take. Then its connection is closed."""

COMMIT_TIMEOUT_S = 30.0
"""Seconds that a `COMMIT` may take. It is shielded, so that a block which ended normally is committed."""

CANCEL_RETRY_S = 0.5
"""Seconds between repeated cancel requests: a request that reaches the server before its query is lost."""
