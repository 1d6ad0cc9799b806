-- Records the number of the last change that a device has applied. A lower number than before changes nothing.
UPDATE devices
SET change_cursor = %(number)s
WHERE user_id = %(user_id)s AND device_id = %(device_id)s
  AND (change_cursor IS NULL OR change_cursor < %(number)s);
