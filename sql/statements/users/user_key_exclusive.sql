-- The user's wrapped key, locked for changing it or what it encrypts. Waits for all transactions that hold the key.
SELECT encryption_key FROM users WHERE user_id = %(user_id)s FOR NO KEY UPDATE;
