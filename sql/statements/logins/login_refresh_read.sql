-- A login, locked, and what the presented refresh token is to it: one row, or none.
SELECT
    l.refresh_digest = %(digest)s AS is_current,
    l.previous_digest = %(digest)s AND l.rotated_at > now() - make_interval(secs => %(repeat_s)s) AS is_repeated,
    l.device_id,
    EXISTS (SELECT FROM used_refresh_tokens AS t WHERE t.user_id = %(user_id)s AND t.digest = %(digest)s) AS is_used,
    extract(epoch FROM now() - l.created_at)::float8 AS age_s
FROM logins AS l
WHERE l.user_id = %(user_id)s AND l.login_id = %(login_id)s AND l.expires_at > now()
FOR UPDATE;
