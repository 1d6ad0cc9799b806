-- Forgets servers that have not been seen for long. For the worker role.
DELETE FROM relay_workers WHERE seen_at < now() - make_interval(secs => %(forget_s)s);
