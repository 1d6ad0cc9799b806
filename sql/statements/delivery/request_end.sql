-- Records the end and the result of a request. Gives one row, or none if the request no longer counts as running.
-- A body that was erased since the admission stays erased.
UPDATE requests
SET state = %(state)s,
    changed = changed OR %(changed)s,
    body_encrypted = CASE WHEN body_encrypted IS NULL THEN NULL ELSE %(body_encrypted)s::bytea END,
    ended_at = now(),
    expires_at = now() + make_interval(secs => %(ttl_s)s)
WHERE user_id = %(user_id)s AND request_id = %(request_id)s AND claim = %(claim)s
  AND state IN ('running', %(state)s)
RETURNING request_id;
