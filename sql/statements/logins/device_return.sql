-- A revoked device has logged in again.
UPDATE devices SET revoked_at = NULL WHERE user_id = %(user_id)s AND device_id = %(device_id)s;
