-- Like user_key_exclusive, but gives no row when others hold the key: for what can be done another time.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR NO KEY UPDATE SKIP LOCKED;
