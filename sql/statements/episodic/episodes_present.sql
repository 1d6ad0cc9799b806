-- Which of these episodes are there.
SELECT id FROM memory_episodic WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
