-- Takes a request id into use. Gives one row, or none when it is in use or was lately.
INSERT INTO relay_requests (user_id, request_id, expires_at)
VALUES (%(user_id)s, %(request_id)s, now() + make_interval(secs => %(ttl_s)s))
ON CONFLICT (user_id, request_id) DO UPDATE SET expires_at = excluded.expires_at
WHERE relay_requests.expires_at < now()
RETURNING request_id;
