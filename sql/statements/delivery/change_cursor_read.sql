-- The number of the last change that a device has applied: one row with the number or NULL, or none for no such device.
SELECT change_cursor FROM devices WHERE user_id = %(user_id)s AND device_id = %(device_id)s;
