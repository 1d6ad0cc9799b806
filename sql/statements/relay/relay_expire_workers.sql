-- Removes servers without a recent heartbeat. For the worker role.
DELETE FROM relay_workers WHERE seen_at < now() - make_interval(secs => %(forget_s)s);
