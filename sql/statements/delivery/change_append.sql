-- Adds a change under the next number, unless the log has its mutation_id. Gives one row: the number, whether the
-- change was added, and the device and the body that the log has under this mutation_id. Needs the lock of change_log_lock.
WITH known AS (
    SELECT number, device_id, body_encrypted FROM changes WHERE user_id = %(user_id)s AND mutation_id = %(mutation_id)s
), log AS (
    UPDATE change_logs SET last = last + 1
    WHERE user_id = %(user_id)s AND NOT EXISTS (SELECT FROM known)
    RETURNING last
), added AS (
    INSERT INTO changes (user_id, number, mutation_id, device_id, body_encrypted, created_at, expires_at)
    SELECT %(user_id)s, last, %(mutation_id)s, %(device_id)s, %(body_encrypted)s,
        now(), now() + make_interval(secs => %(ttl_s)s)
    FROM log
    RETURNING number
)
SELECT number, true AS is_new, NULL::uuid AS device_id, NULL::bytea AS body_encrypted FROM added
UNION ALL SELECT number, false, device_id, body_encrypted FROM known;
