-- Remembers the current refresh token of a login as used.
INSERT INTO used_refresh_tokens (user_id, digest, login_id)
SELECT user_id, refresh_digest, login_id FROM logins WHERE user_id = %(user_id)s AND login_id = %(login_id)s
ON CONFLICT (user_id, digest) DO NOTHING;
