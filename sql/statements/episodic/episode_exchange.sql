-- The exchanges of these episodes.
SELECT id, exchange_encrypted FROM memory_episodic WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
