-- Releases a claimed memory, to be tried again later.
UPDATE memory_unembedded
SET claim = NULL, due_at = now() + make_interval(secs => %(delay_s)s)
WHERE user_id = %(user_id)s AND memory_id = %(id)s AND claim = %(claim)s;
