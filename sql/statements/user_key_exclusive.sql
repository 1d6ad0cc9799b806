-- The user's wrapped key, for replacing it: waits for everybody who is sealing something under it.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR NO KEY UPDATE;
