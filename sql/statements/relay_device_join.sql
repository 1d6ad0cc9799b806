-- A device's socket is here now. Gives one row: the server and the session that had it before, or NULLs.
WITH before AS (
    SELECT worker_id, connection_id
    FROM relay_devices
    WHERE user_id = %(user_id)s AND device_id = %(device_id)s
    FOR UPDATE
)
INSERT INTO relay_devices (user_id, device_id, connection_id, worker_id)
VALUES (%(user_id)s, %(device_id)s, %(connection_id)s, %(worker_id)s)
ON CONFLICT (user_id, device_id) DO UPDATE
SET connection_id = excluded.connection_id,
    worker_id = excluded.worker_id,
    connected_at = excluded.connected_at
RETURNING (SELECT worker_id FROM before) AS worker_before, (SELECT connection_id FROM before) AS connection_before;
