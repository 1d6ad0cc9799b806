-- Removes the devices, of a slice of the users, whose server was removed. For the worker role.
DELETE FROM relay_devices
WHERE user_id BETWEEN %(start)s AND %(end)s
  AND NOT EXISTS (SELECT FROM relay_workers WHERE relay_workers.worker_id = relay_devices.worker_id);
