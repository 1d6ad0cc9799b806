-- Queues these episodes for enrichment again, now, with a new count of attempts.
INSERT INTO memory_pending (user_id, episode_id)
SELECT user_id, id FROM memory_episodic WHERE user_id = %(user_id)s AND id = ANY (%(ids)s)
ON CONFLICT (user_id, episode_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, claim = NULL;
