-- Removes this server, which ends. Its devices are no longer connected.
DELETE FROM relay_workers WHERE worker_id = %(worker_id)s;
