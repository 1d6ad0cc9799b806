-- Claims memories that need vectors and that no worker holds, until the lease ends, each with the exchange it was
-- learned from.
WITH taken AS (
    UPDATE memory_unembedded
    SET claim = %(claim)s, due_at = now() + make_interval(secs => %(lease_s)s), attempts = attempts + 1
    WHERE user_id = %(user_id)s AND memory_id IN (
        SELECT memory_id FROM memory_unembedded
        WHERE user_id = %(user_id)s AND due_at <= now()
        ORDER BY due_at
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )
    RETURNING memory_id, attempts
)
SELECT m.id, taken.attempts, m.content_digest, m.content_encrypted, m.source_id, e.exchange_encrypted
FROM taken
JOIN memory_associative AS m ON m.user_id = %(user_id)s AND m.id = taken.memory_id
LEFT JOIN memory_episodic AS e ON e.user_id = %(user_id)s AND e.id = m.source_id;
