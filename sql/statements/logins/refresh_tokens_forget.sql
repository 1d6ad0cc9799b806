-- Forgets refresh tokens of a login that were used before this time. They stay invalid.
DELETE FROM used_refresh_tokens
WHERE user_id = %(user_id)s AND login_id = %(login_id)s AND used_at < %(before)s;
