-- What is kept for a device: one row for each of its known requests, the oldest first, or one row without a request.
-- The client's columns are NULL if the device is not known. `is_old`: last_seen_at is older than `seen_s` seconds.
WITH known AS (
    SELECT request_id, claim, server_id, device_id, state, changed, created_at
    FROM requests
    WHERE user_id = %(user_id)s AND device_id = %(device_id)s AND expires_at > now()
    ORDER BY created_at, request_id
    LIMIT %(limit)s
)
SELECT
    d.client_name, d.client_version, d.client_platform,
    d.last_seen_at < now() - make_interval(secs => %(seen_s)s) AS is_old,
    coalesce(l.last, 0) AS last_change,
    d.change_cursor,
    r.request_id, r.claim, r.server_id, r.device_id, r.state, r.changed
FROM (SELECT) AS once
LEFT JOIN devices AS d ON d.user_id = %(user_id)s AND d.device_id = %(device_id)s
LEFT JOIN change_logs AS l ON l.user_id = %(user_id)s
LEFT JOIN known AS r ON true
ORDER BY r.created_at, r.request_id;
