-- A user's connected devices and their servers, the latest connection first.
SELECT d.device_id, d.worker_id
FROM relay_devices AS d
JOIN relay_workers AS w USING (worker_id)
WHERE d.user_id = %(user_id)s AND w.seen_at > now() - make_interval(secs => %(stale_s)s)
ORDER BY d.connected_at DESC;
