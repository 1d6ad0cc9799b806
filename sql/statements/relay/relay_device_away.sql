-- Records that a device has no socket while its session waits for it: it can be called by its id, and is no longer the
-- latest connected device of its user.
UPDATE relay_devices
SET connected_at = '-infinity'
WHERE user_id = %(user_id)s AND device_id = %(device_id)s AND connection_id = %(connection_id)s;
