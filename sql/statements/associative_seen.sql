-- Notes that memories were of use just now.
UPDATE memory_associative
SET hits = hits + 1, last_seen_at = now()
WHERE user_id = %(user_id)s AND id = ANY (%(ids)s);
