-- The user's wrapped key, which nobody replaces until the transaction ends: what is sealed under it stays readable.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR SHARE;
