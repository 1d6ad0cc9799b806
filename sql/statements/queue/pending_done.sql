-- Takes an episode out of the enrichment queue.
DELETE FROM memory_pending WHERE user_id = %(user_id)s AND episode_id = %(id)s;
