-- Forgets the devices of servers that are forgotten. For the worker role, which may delete no others.
DELETE FROM relay_devices
WHERE NOT EXISTS (SELECT FROM relay_workers WHERE relay_workers.worker_id = relay_devices.worker_id);
