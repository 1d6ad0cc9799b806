-- The seconds since the last heartbeats of these servers, by the database's clock. Negative if it was set back since.
SELECT worker_id, extract(epoch FROM now() - seen_at)::float8
FROM relay_workers
WHERE worker_id = ANY(%(server_ids)s);
