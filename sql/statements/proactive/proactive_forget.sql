-- Removes patterns.
DELETE FROM memory_proactive WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
