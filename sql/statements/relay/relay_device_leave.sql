-- A device's socket closed, unless the device is back already.
DELETE FROM relay_devices
WHERE user_id = %(user_id)s AND device_id = %(device_id)s AND connection_id = %(connection_id)s;
