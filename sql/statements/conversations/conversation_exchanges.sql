-- Exchanges of one conversation before a position, newest first. Without a position: the newest ones.
SELECT id, request_id, summary_encrypted, exchange_encrypted, created_at
FROM memory_episodic
WHERE
    user_id = %(user_id)s AND session_id = %(conversation_id)s
    AND (
        %(before_at)s::timestamptz IS NULL
        OR (created_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
    )
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s;
