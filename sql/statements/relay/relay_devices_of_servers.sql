-- Removes the devices of servers that are gone. For the worker role.
DELETE FROM relay_devices WHERE worker_id = ANY (%(server_ids)s);
