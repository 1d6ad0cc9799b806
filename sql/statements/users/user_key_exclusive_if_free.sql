-- Like user_key_exclusive, but gives no row if another transaction holds the key: for work that can wait.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR NO KEY UPDATE SKIP LOCKED;
