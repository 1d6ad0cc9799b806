-- The known requests of a device, the oldest first.
SELECT request_id, claim, server_id, device_id, state, changed
FROM requests
WHERE user_id = %(user_id)s AND device_id = %(device_id)s AND expires_at > now()
ORDER BY created_at, request_id
LIMIT %(limit)s;
