-- Admits a request under its id. Gives one row, or none if the id is in use. The same claim again replaces its own row
-- while the request counts as running.
INSERT INTO requests (user_id, request_id, claim, server_id, device_id, body_encrypted, expires_at)
VALUES (
    %(user_id)s, %(request_id)s, %(claim)s, %(server_id)s, %(device_id)s, %(body_encrypted)s,
    now() + make_interval(secs => %(ttl_s)s)
)
ON CONFLICT (user_id, request_id) DO UPDATE
SET claim = excluded.claim,
    server_id = excluded.server_id,
    device_id = excluded.device_id,
    state = 'running',
    changed = false,
    body_encrypted = excluded.body_encrypted,
    created_at = excluded.created_at,
    ended_at = NULL,
    expires_at = excluded.expires_at
-- excluded.created_at is now(): a function that is not immutable is refused here on a distributed table.
WHERE requests.expires_at < excluded.created_at OR (requests.claim = excluded.claim AND requests.state = 'running')
RETURNING request_id;
