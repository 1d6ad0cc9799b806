-- Adds a login. No row is added if the account is being deleted.
INSERT INTO logins (user_id, login_id, device_id, refresh_digest, expires_at)
SELECT %(user_id)s, %(login_id)s, %(device_id)s, %(refresh_digest)s, now() + make_interval(secs => %(idle_s)s)
FROM users
WHERE user_id = %(user_id)s AND coalesce(closing_until <= now(), true)
RETURNING login_id;
