-- Refuses all access tokens without a login that were issued until now.
UPDATE users SET tokens_after = now() WHERE user_id = %(user_id)s RETURNING user_id;
