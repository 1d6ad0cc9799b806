-- The number of these messages that their servers have not taken.
SELECT count(*) FROM relay_messages WHERE user_id = %(user_id)s AND id = ANY(%(ids)s) AND expires_at > now();
