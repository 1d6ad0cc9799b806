-- Records that this server has a device's session, unless a running server has it and `take` is false. Gives one row: the
-- server and session that had it before, or NULLs; and whether that server runs.
WITH before AS (
    SELECT d.worker_id, d.connection_id, w.seen_at > now() - make_interval(secs => %(stale_s)s) AS runs
    FROM relay_devices AS d
    LEFT JOIN relay_workers AS w USING (worker_id)
    WHERE d.user_id = %(user_id)s AND d.device_id = %(device_id)s
    FOR UPDATE OF d
), here AS (
    INSERT INTO relay_devices (user_id, device_id, connection_id, worker_id)
    -- Joined so that the previous row is read and locked before it is overwritten.
    SELECT %(user_id)s, %(device_id)s, %(connection_id)s, %(server_id)s
    FROM (SELECT) AS once LEFT JOIN before ON true
    WHERE %(take)s OR before.worker_id = %(server_id)s OR before.runs IS NOT TRUE
    ON CONFLICT (user_id, device_id) DO UPDATE
    SET connection_id = excluded.connection_id,
        worker_id = excluded.worker_id,
        connected_at = excluded.connected_at
)
SELECT before.worker_id, before.connection_id, coalesce(before.runs, false)
FROM (SELECT) AS once LEFT JOIN before ON true;
