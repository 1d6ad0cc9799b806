-- The devices of a user that are not revoked, the one that was seen last first.
SELECT
    d.device_id, d.client_name, d.client_version, d.client_platform, d.created_at, d.last_seen_at,
    (SELECT count(*) FROM logins AS l WHERE l.user_id = d.user_id AND l.device_id = d.device_id AND l.expires_at > now())
FROM devices AS d
WHERE d.user_id = %(user_id)s AND d.revoked_at IS NULL
ORDER BY d.last_seen_at DESC, d.device_id
LIMIT %(limit)s;
