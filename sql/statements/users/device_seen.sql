-- Records that a known device is connected, and its client.
UPDATE devices
SET client_name = %(client_name)s,
    client_version = %(client_version)s,
    client_platform = %(client_platform)s,
    last_seen_at = now()
WHERE user_id = %(user_id)s AND device_id = %(device_id)s;
