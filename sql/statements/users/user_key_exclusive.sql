-- The user's wrapped key, for changing what is sealed under it, or the key: waits for everybody who holds it.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR NO KEY UPDATE;
