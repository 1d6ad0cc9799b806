-- Takes episodes that await enrichment and that no other server has taken. The claim ends with the transaction.
SELECT p.episode_id, p.attempts, e.exchange_encrypted, e.created_at
FROM memory_pending AS p
JOIN memory_episodic AS e ON e.user_id = p.user_id AND e.id = p.episode_id
WHERE p.user_id = %(user_id)s AND p.due_at <= now()
ORDER BY p.due_at
LIMIT %(limit)s
FOR UPDATE OF p SKIP LOCKED;
