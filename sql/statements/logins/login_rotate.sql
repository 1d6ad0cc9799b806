-- Replaces the refresh token of a login. After a repeated use of the token before it, that one stays the previous one.
UPDATE logins
SET refresh_digest = %(new_digest)s,
    previous_digest = %(digest)s,
    rotated_at = CASE WHEN %(repeated)s THEN rotated_at ELSE now() END,
    device_id = coalesce(device_id, %(device_id)s),
    expires_at = now() + make_interval(secs => %(idle_s)s)
WHERE user_id = %(user_id)s AND login_id = %(login_id)s;
