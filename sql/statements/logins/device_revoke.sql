-- Revokes a device: one row, or none if the user has no such device.
UPDATE devices SET revoked_at = clock_timestamp()
WHERE user_id = %(user_id)s AND device_id = %(device_id)s AND revoked_at IS NULL
RETURNING device_id;
