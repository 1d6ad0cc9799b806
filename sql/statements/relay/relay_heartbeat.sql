-- Records that this server runs. Gives one row: true if the server was unknown, and so its devices are unknown too; and
-- the time, by the database's clock.
INSERT INTO relay_workers (worker_id, writes_segments)
VALUES (%(server_id)s, true)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = excluded.seen_at
RETURNING xmax = 0 AS is_new, seen_at;
