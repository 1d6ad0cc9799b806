-- Records that a device of the user connected, and its client. Gives one row: whether the device is new.
INSERT INTO devices (user_id, device_id, client_name, client_version, client_platform)
VALUES (%(user_id)s, %(device_id)s, %(client_name)s, %(client_version)s, %(client_platform)s)
ON CONFLICT (user_id, device_id) DO UPDATE
SET client_name = excluded.client_name,
    client_version = excluded.client_version,
    client_platform = excluded.client_platform,
    last_seen_at = now()
RETURNING created_at = last_seen_at AS is_new;
