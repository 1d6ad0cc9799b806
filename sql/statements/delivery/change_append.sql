-- Adds a change under the next number, unless the log has its mutation_id. Gives one row: the number, and whether the
-- change was added. Needs the lock of change_log_lock.
WITH known AS (
    SELECT number FROM changes WHERE user_id = %(user_id)s AND mutation_id = %(mutation_id)s
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
SELECT number, true AS is_new FROM added UNION ALL SELECT number, false FROM known;
