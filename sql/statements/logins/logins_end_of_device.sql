-- Ends the logins of one device.
DELETE FROM logins WHERE user_id = %(user_id)s AND device_id = %(device_id)s RETURNING login_id;
