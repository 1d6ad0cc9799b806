-- Forgets refresh tokens of a login that were used before this time (seconds since 1970). They stay invalid.
DELETE FROM used_refresh_tokens
WHERE user_id = %(user_id)s AND login_id = %(login_id)s AND used_at < to_timestamp(%(before_s)s);
