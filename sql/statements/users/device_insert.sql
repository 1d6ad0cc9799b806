-- Records a device that connects for the first time. Gives one row, or none if the user has `most` devices, or ten times as
-- many with those that were revoked. `may_have_expired`: the user is older than devices are kept, so a device that has no
-- record may have had one.
INSERT INTO devices (user_id, device_id, client_name, client_version, client_platform)
SELECT %(user_id)s, %(device_id)s, %(client_name)s, %(client_version)s, %(client_platform)s
FROM (
    SELECT count(*) FILTER (WHERE revoked_at IS NULL) AS present, count(*) AS known
    FROM devices WHERE user_id = %(user_id)s AND device_id <> %(device_id)s
) AS counted
WHERE present < %(most)s AND known < 10 * %(most)s
ON CONFLICT (user_id, device_id) DO UPDATE SET last_seen_at = excluded.last_seen_at
RETURNING (
    SELECT created_at < now() - make_interval(secs => %(keep_s)s) FROM users WHERE user_id = %(user_id)s
) AS may_have_expired;
