-- The servers with a recent heartbeat.
SELECT worker_id FROM relay_workers WHERE seen_at > now() - make_interval(secs => %(stale_s)s);
