-- Records a device that connects for the first time. Gives one row, or none if the user has `most` devices, or ten times as
-- many with those that were revoked.
INSERT INTO devices (user_id, device_id, client_name, client_version, client_platform)
SELECT %(user_id)s, %(device_id)s, %(client_name)s, %(client_version)s, %(client_platform)s
FROM (
    SELECT count(*) FILTER (WHERE revoked_at IS NULL) AS present, count(*) AS known
    FROM devices WHERE user_id = %(user_id)s AND device_id <> %(device_id)s
) AS counted
WHERE present < %(most)s AND known < 10 * %(most)s
ON CONFLICT (user_id, device_id) DO UPDATE SET last_seen_at = excluded.last_seen_at
RETURNING device_id;
