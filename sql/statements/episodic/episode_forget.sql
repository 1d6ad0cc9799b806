-- Removes episodes, and their places among the pending ones.
DELETE FROM memory_episodic WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
