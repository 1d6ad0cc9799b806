-- The summaries of the newest episodes, newest first.
SELECT id, session_id, summary_encrypted, created_at
FROM memory_episodic
WHERE user_id = %(user_id)s
ORDER BY created_at DESC
LIMIT %(limit)s;
