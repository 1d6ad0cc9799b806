-- Puts failed work off, ever longer.
UPDATE memory_pending
SET attempts = attempts + 1, due_at = now() + make_interval(secs => %(delay_s)s)
WHERE user_id = %(user_id)s AND episode_id = ANY (%(ids)s);
