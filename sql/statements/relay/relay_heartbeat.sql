-- Says that this server runs. Gives one row: whether it was not known, so that its devices are not known either.
INSERT INTO relay_workers (worker_id)
VALUES (%(worker_id)s)
ON CONFLICT (worker_id) DO UPDATE SET seen_at = now()
RETURNING xmax = 0 AS is_new;
