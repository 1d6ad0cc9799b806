-- Removes the devices of servers that were removed. The worker role may delete no other devices.
DELETE FROM relay_devices
WHERE NOT EXISTS (SELECT FROM relay_workers WHERE relay_workers.worker_id = relay_devices.worker_id);
