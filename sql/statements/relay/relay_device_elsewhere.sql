-- One row if a server with a recent heartbeat has another connection of the device, else none.
SELECT d.worker_id
FROM relay_devices AS d
JOIN relay_workers AS w USING (worker_id)
WHERE d.user_id = %(user_id)s
  AND d.device_id = %(device_id)s
  AND d.connection_id <> %(connection_id)s
  AND w.seen_at > now() - make_interval(secs => %(stale_s)s);
