-- Forgets refresh tokens of a login that were used long ago. They stay invalid.
DELETE FROM used_refresh_tokens
WHERE user_id = %(user_id)s AND login_id = %(login_id)s AND used_at < now() - make_interval(secs => %(keep_s)s);
