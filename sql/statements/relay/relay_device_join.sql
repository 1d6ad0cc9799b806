-- Records that this server has a device's socket. Gives one row: the previous server and session, or NULLs.
WITH before AS (
    SELECT worker_id, connection_id
    FROM relay_devices
    WHERE user_id = %(user_id)s AND device_id = %(device_id)s
    FOR UPDATE
), here AS (
    INSERT INTO relay_devices (user_id, device_id, connection_id, worker_id)
    -- Joined so that the previous row is read and locked before it is overwritten.
    SELECT %(user_id)s, %(device_id)s, %(connection_id)s, %(server_id)s
    FROM (SELECT) AS once LEFT JOIN before ON true
    ON CONFLICT (user_id, device_id) DO UPDATE
    SET connection_id = excluded.connection_id,
        worker_id = excluded.worker_id,
        connected_at = excluded.connected_at
)
SELECT before.worker_id, before.connection_id FROM (SELECT) AS once LEFT JOIN before ON true;
