-- Removes all episodes, and what of them is pending.
DELETE FROM memory_episodic WHERE user_id = %(user_id)s;
