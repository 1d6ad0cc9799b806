-- The devices of a user that have a session, with their servers and whether they have a socket; the latest connection first.
SELECT d.device_id, d.worker_id, d.connected_at > '-infinity' AS attached
FROM relay_devices AS d
JOIN relay_workers AS w USING (worker_id)
WHERE d.user_id = %(user_id)s AND w.seen_at > now() - make_interval(secs => %(stale_s)s)
ORDER BY d.connected_at DESC;
