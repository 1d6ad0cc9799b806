-- Removes servers without a heartbeat in the last seconds before this time, and gives their ids. For the worker role.
DELETE FROM relay_workers WHERE seen_at < %(now)s::timestamptz - make_interval(secs => %(forget_s)s)
RETURNING worker_id;
