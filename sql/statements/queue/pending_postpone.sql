-- Releases a claimed episode, to be enriched later.
UPDATE memory_pending
SET claim = NULL, due_at = now() + make_interval(secs => %(delay_s)s)
WHERE user_id = %(user_id)s AND episode_id = %(id)s AND claim = %(claim)s;
