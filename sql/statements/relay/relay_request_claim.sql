-- Claims a request id. Gives one row, or none if a server has claimed it and the claim has not expired.
INSERT INTO relay_requests (user_id, request_id, expires_at)
VALUES (%(user_id)s, %(request_id)s, now() + make_interval(secs => %(ttl_s)s))
ON CONFLICT (user_id, request_id) DO UPDATE SET expires_at = excluded.expires_at
WHERE relay_requests.expires_at < now()
RETURNING request_id;
