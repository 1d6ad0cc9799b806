-- Records that a running request has failed because its server is gone.
UPDATE requests
SET state = 'failed', ended_at = now(), expires_at = now() + make_interval(secs => %(ttl_s)s)
WHERE user_id = %(user_id)s AND request_id = %(request_id)s AND claim = %(claim)s AND state = 'running'
RETURNING request_id;
