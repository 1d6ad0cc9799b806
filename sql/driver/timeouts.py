"""How long the database is waited for where a cancellation must wait as well."""

CLEANUP_TIMEOUT_S = 5.0
"""How long an interrupted operation may take to be undone before its connection is closed instead."""

COMMIT_TIMEOUT_S = 30.0
"""How long a `COMMIT` may take: it is shielded, so that a block which ended normally is a block which was committed."""

CANCEL_RETRY_S = 0.5
"""A cancel request that overtakes its query on the way is lost; it is repeated at this interval."""
