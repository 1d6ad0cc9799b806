-- Inserts a device that connects for the first time, and gives what is kept for a device: one row for each of its known
-- requests, the oldest first, or one row without a request. `is_new`: the device had no row. `is_stale`: its
-- client has changed, or its last_seen_at is older than `seen_s` seconds.
WITH inserted AS (
    INSERT INTO devices (user_id, device_id, client_name, client_version, client_platform)
    VALUES (%(user_id)s, %(device_id)s, %(client_name)s, %(client_version)s, %(client_platform)s)
    ON CONFLICT (user_id, device_id) DO NOTHING
    RETURNING device_id
), known AS (
    SELECT request_id, claim, server_id, device_id, state, changed, created_at
    FROM requests
    WHERE user_id = %(user_id)s AND device_id = %(device_id)s AND expires_at > now()
    ORDER BY created_at, request_id
    LIMIT %(limit)s
)
SELECT
    d.device_id IS NULL AS is_new,
    d.device_id IS NOT NULL AND (
        d.client_name <> %(client_name)s
        OR d.client_version <> %(client_version)s
        OR d.client_platform <> %(client_platform)s
        OR d.last_seen_at < now() - make_interval(secs => %(seen_s)s)
    ) AS is_stale,
    coalesce(l.last, 0) AS last_change,
    d.change_cursor,
    r.request_id, r.claim, r.server_id, r.device_id, r.state, r.changed
FROM (SELECT) AS once
LEFT JOIN devices AS d ON d.user_id = %(user_id)s AND d.device_id = %(device_id)s
LEFT JOIN change_logs AS l ON l.user_id = %(user_id)s
LEFT JOIN known AS r ON true
ORDER BY r.created_at, r.request_id;
