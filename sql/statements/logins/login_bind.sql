-- Records the device that a login belongs to, if none is recorded.
UPDATE logins SET device_id = %(device_id)s
WHERE user_id = %(user_id)s AND login_id = %(login_id)s AND device_id IS NULL;
