-- Removes what was seen on too few days to be a pattern, and not again since this time (seconds since 1970).
DELETE FROM memory_proactive
WHERE user_id = %(user_id)s AND confidence = 0 AND updated_at < to_timestamp(%(before_s)s);
