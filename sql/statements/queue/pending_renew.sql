-- Extends the lease of the episodes that this claim still holds; gives their ids.
UPDATE memory_pending SET due_at = now() + make_interval(secs => %(lease_s)s)
WHERE user_id = %(user_id)s AND claim = %(claim)s
RETURNING episode_id;
