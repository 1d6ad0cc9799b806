-- This server ends: its devices count no longer.
DELETE FROM relay_workers WHERE worker_id = %(worker_id)s;
