-- Queues an episode for enrichment, if it was added.
INSERT INTO memory_pending (user_id, episode_id)
SELECT user_id, id FROM memory_episodic WHERE user_id = %(user_id)s AND id = %(id)s;
