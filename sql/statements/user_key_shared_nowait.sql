-- Like user_key_shared, but fails at once while somebody replaces the key: for who holds locks that they wait for.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR SHARE NOWAIT;
