-- Removes servers without a heartbeat since this time, and gives their ids. For the worker role.
DELETE FROM relay_workers WHERE seen_at < %(silent_since)s
RETURNING worker_id;
