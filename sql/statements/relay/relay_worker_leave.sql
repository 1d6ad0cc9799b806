-- Removes this server, which ends. Its devices are no longer connected.
DELETE FROM relay_workers WHERE worker_id = %(server_id)s;
