-- Removes episodes, and takes them out of the enrichment queue.
DELETE FROM memory_episodic WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
