-- Claims episodes for enrichment that no worker holds, until the lease ends.
WITH taken AS (
    UPDATE memory_pending
    SET claim = %(claim)s, due_at = now() + make_interval(secs => %(lease_s)s), attempts = attempts + 1
    WHERE user_id = %(user_id)s AND episode_id IN (
        SELECT episode_id FROM memory_pending
        WHERE user_id = %(user_id)s AND due_at <= now()
        ORDER BY due_at
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )
    RETURNING episode_id, attempts
)
SELECT e.id, taken.attempts, e.exchange_encrypted, e.created_at, e.session_id
FROM taken
JOIN memory_episodic AS e ON e.user_id = %(user_id)s AND e.id = taken.episode_id
ORDER BY e.created_at;
