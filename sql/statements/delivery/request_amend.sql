-- Replaces the result of a request that has ended. Gives one row; none if its body is not the one whose SHA-256 is `body_digest`.
-- So of two servers that read the same body, the second one reads it again.
UPDATE requests
SET state = %(state)s,
    changed = true,
    body_encrypted = %(body_encrypted)s::bytea,
    expires_at = now() + make_interval(secs => %(ttl_s)s)
WHERE user_id = %(user_id)s AND request_id = %(request_id)s AND claim = %(claim)s
  AND state <> 'running' AND sha256(body_encrypted) = %(body_digest)s
RETURNING request_id;
