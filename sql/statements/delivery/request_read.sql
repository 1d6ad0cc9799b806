-- A request that is known: one row, or none.
SELECT request_id, claim, server_id, device_id, state, changed, body_encrypted
FROM requests
WHERE user_id = %(user_id)s AND request_id = %(request_id)s AND expires_at > now();
