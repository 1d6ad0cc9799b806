-- The ids of these episodes that still exist, and their requests.
SELECT id, request_id FROM memory_episodic WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
