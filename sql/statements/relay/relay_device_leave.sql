-- Removes a device whose session ended, unless the device has connected again.
DELETE FROM relay_devices
WHERE user_id = %(user_id)s AND device_id = %(device_id)s AND connection_id = %(connection_id)s;
