-- Episodes in the order of their ids, after the given id: for the export, and for a change of key.
SELECT id, request_id, session_id, summary_encrypted, exchange_encrypted, created_at, enriched_at
FROM memory_episodic
WHERE user_id = %(user_id)s AND id > %(after)s
ORDER BY id
LIMIT %(limit)s;
