-- The newest episodes with their exchanges, newest first: for mining patterns.
SELECT id, exchange_encrypted, created_at
FROM memory_episodic
WHERE user_id = %(user_id)s
ORDER BY created_at DESC
LIMIT %(limit)s;
