-- Removes an episode, and its place among the pending ones.
DELETE FROM memory_episodic WHERE user_id = %(user_id)s AND id = %(id)s;
